import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Where buckets are in a data folder.
 *
 *     files/objects/<label>/           a bucket: versitygw's, objects as files with their metadata as attributes
 *     files/removed/<label>.<time>/    one that was taken out of its declaration, until seven days later
 *     files/iam/users.json             an account for each bucket; no client knows one
 *     files/s3.sock                    where versitygw listens, and nowhere else
 *     files/versitygw.pid              which process that is
 *     log/files.log                    what it said
 *
 * All of it 0700 and the gateway's.
 */
export const filesLayout = (dataDir: string) => {
  const root = join(dataDir, "files");
  return {
    root,
    objects: join(root, "objects"),
    removed: join(root, "removed"),
    iam: join(root, "iam"),
    users: join(root, "iam", "users.json"),
    socket: socketIn(root),
    pid: join(root, "versitygw.pid"),
    log: join(dataDir, "log", "files.log"),
  };
};

export type FilesLayout = ReturnType<typeof filesLayout>;

/** A socket's whole path is at most 107 bytes; where the data folder is too deep, it lives beside the system's. */
function socketIn(root: string): string {
  const own = join(root, "s3.sock");
  if (Buffer.byteLength(own) <= 107) return own;
  return join(tmpdir(), `ndb-files-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`, "s3.sock");
}
