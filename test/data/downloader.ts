import { existsSync } from "node:fs";
import { download } from "spectral-lab/data/download";
import { unpackArchive } from "spectral-lab/data/archive";

// "download" URL TARGET SHA256, or "unpack" ARCHIVE ROOT FOLDER: once the file argv[2] is there, so that several start at
// the same time.
const [start, what, ...args] = process.argv.slice(2);
process.stdout.write("ready\n");
while (!existsSync(start)) await new Promise((resolve) => setTimeout(resolve, 1));
if (what === "unpack")
  await unpackArchive(args[0], { name: "set.tar.gz", urls: [], form: "gzip" }, "tar.gz", args[1], args[2]);
else await download({ name: "archive.gz", urls: [args[0]], form: "gzip", sha256: args[2] }, args[1]);
