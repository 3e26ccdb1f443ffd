import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { catalogueRow, type Trials } from "../harness/row.ts";

const run = promisify(execFile);

/** EIO is not among the trials: it takes a failing block device, which needs rights that a test does not have. */
catalogueRow({
  suite: "faults",
  name: "disk full",
  promise:
    "every verb succeeds or is refused with a code, no file breaks, no acknowledged row is lost, and with space it recovers",
  n: { small: 20, large: 100 },
  control: { without: "writing aside and renaming", n: 20 },
  run: ({ n, random, guarded }) =>
    onSmallDisk(guarded ? "260m" : "20m", [String(n), String(random.int(1, 2 ** 31)), String(guarded)]),
});

/** A tmpfs that only the child and what it starts can see. */
async function onSmallDisk(size: string, args: readonly string[]): Promise<Trials> {
  const home = mkdtempSync(join(tmpdir(), "nebula-disk-"));
  const disk = join(home, "disk");
  chmodSync(home, 0o755);
  mkdirSync(disk);
  const root = process.getuid?.() === 0;
  const mount = `mount -t tmpfs -o size=${size},mode=755 tmpfs "$0" && exec "$@"`;
  const again = root ? [] : ["unshare", "-U", `--map-user=${process.getuid?.()}`, `--map-group=${process.getgid?.()}`];
  const child = [process.execPath, join(import.meta.dirname, "full-disk-child.ts"), join(disk, "data"), ...args];
  try {
    const all = [root ? "-m" : "-Urm", "sh", "-c", mount, disk, ...again, ...child];
    const { stdout } = await run("unshare", all, { env: { ...process.env, NODE_NO_WARNINGS: "1" } });
    return JSON.parse(stdout) as Trials;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
