/** The whole platform on a disk of its own that fills up. */
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freePort } from "../harness/ports.ts";

const run = promisify(execFile);

/** A tmpfs that only the child and what it starts can see. */
async function onSmallDisk(size: string): Promise<Record<string, unknown>> {
  const home = mkdtempSync(join(tmpdir(), "nebula-full-"));
  const disk = join(home, "disk");
  chmodSync(home, 0o755);
  mkdirSync(disk);
  const root = process.getuid?.() === 0;
  const mount = `mount -t tmpfs -o size=${size},mode=755 tmpfs "$0" && exec "$@"`;
  const again = root ? [] : ["unshare", "-U", `--map-user=${process.getuid?.()}`, `--map-group=${process.getgid?.()}`];
  const child = [process.execPath, join(import.meta.dirname, "full-disk-child.ts"), join(disk, "data")];
  const port = String(await freePort(200));
  try {
    const args = [root ? "-m" : "-Urm", "sh", "-c", mount, disk, ...again, ...child, port];
    const { stdout } = await run("unshare", args, { env: { ...process.env, NODE_NO_WARNINGS: "1" } });
    return JSON.parse(stdout) as Record<string, unknown>;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

test("a creation waits with a code while the disk is full, what runs goes on, and with space it is made", async () => {
  const report = await onSmallDisk("700m");
  expect(report.code).toBe(7);
  expect(report.last).toMatchObject({
    type: "DEPLOY",
    error: {
      code: "NEB344",
      detail: expect.stringMatching(/data has \d+ MB left; 64 MB are needed/),
      hint: expect.stringContaining("Free space on the disk that holds the data folder"),
      database: expect.stringContaining("acme.shop.late-"),
    },
  });
  expect(report.listed).toContain("NEB344");
  expect(report).toMatchObject({
    rowsWhileFull: [{ note: "before" }],
    madeLater: true,
    rows: [{ note: "before" }],
  });
}, 540_000);
