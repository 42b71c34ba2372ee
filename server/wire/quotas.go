package wire

import "github.com/kithdb/kith/cluster"

// Quotas reads a QuotaConfig.
func Quotas(body []byte) (cluster.Quotas, error) {
	return whole(body, func(s *scanner, field string) (q cluster.Quotas, err *Error) {
		err = s.object(field, func(key string) (err *Error) {
			if key != "enabled" && s.null() {
				return nil
			}
			switch key {
			case "enabled":
				q.Enabled, err = s.boolean(key)
			case "max_resident_memory_percent":
				q.MaxResidentMemoryPercent, err = s.number32(key, 1, 100)
			case "max_disk_usage_percent":
				q.MaxDiskUsagePercent, err = s.number32(key, 1, 100)
			case "release_margin_percent":
				q.ReleaseMarginPercent, err = s.number32(key, 0, 100)
			default:
				err = s.unknown(key)
			}
			return err
		})
		return q, err
	})
}
