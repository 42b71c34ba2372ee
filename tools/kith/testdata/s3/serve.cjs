// Serves S3 on a free port of 127.0.0.1 and prints the port; ends with its stdin.
// usage: node serve.cjs FOLDER BUCKET
const S3rver = require('s3rver');
const [directory, bucket] = process.argv.slice(2);
new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: bucket }] })
  .run()
  .then(({ port }) => console.log(port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
