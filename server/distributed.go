package server

import (
	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/server/api"
)

// peer is the number of a node that is alone.
const peer = 1

// clusterStatus tells that there is no cluster: this node is alone.
func (c *call) clusterStatus() error { return c.json(object{"status": "disabled"}) }

// collectionCluster lists where the collection's shards are: all of them here.
func (c *call) collectionCluster() error {
	col, err := c.collection()
	if err != nil {
		return err
	}
	shards, err := col.ShardInfo()
	if err != nil {
		return err
	}
	local := make([]object, len(shards))
	for i, s := range shards {
		local[i] = object{"shard_id": i, "points_count": s.Points, "state": "Active"}
	}
	return c.json(object{
		"peer_id": peer, "shard_count": len(local), "local_shards": local,
		"remote_shards": []object{}, "shard_transfers": []object{},
	})
}

// shardKeys has none: points go to shards by the hash of their id.
func (c *call) shardKeys() error {
	if _, err := c.collection(); err != nil {
		return err
	}
	return c.json(object{"shard_keys": nil})
}

// alone refuses what needs a cluster.
func (c *call) alone() error {
	return &api.Error{Status: fasthttp.StatusMethodNotAllowed, Message: "this needs distributed mode, and the node is alone: there are no peers, shard transfers or shard keys"}
}
