/** A real Redis on loopback, without a disk. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DebianFound } from "../../launcher/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";

export type RedisServer = { readonly url: Secret; close(): Promise<void> };

export async function startRedis({ paths, env }: DebianFound): Promise<RedisServer> {
  const home = mkdtempSync(join(tmpdir(), "ndb-redis-"));
  const port = await freePort();
  const child = spawn(
    paths["redis-server"] ?? "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", home],
    { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  for (const out of [child.stdout, child.stderr])
    out.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2000);
    });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  await eventually("Redis answers", async () => {
    if (child.exitCode !== null) throw new Error(`redis-server ended: ${said}`);
    return answers(port);
  });
  return {
    url: new Secret(`redis://127.0.0.1:${port}`),
    async close() {
      child.kill("SIGTERM");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.end();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
