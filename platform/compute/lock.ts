import { createHash } from "node:crypto";
import { unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { instanceBusy } from "./errors.ts";

/**
 * A lock between processes of one machine that cannot go stale: holding it is listening on a socket whose name is derived from
 * the lock's, and the kernel takes that away with the process. Who waits connects to the holder and is woken by the end of the
 * connection, so nobody polls.
 *
 * 1. On Linux the name is abstract: no file is left behind by a kill -9.
 * 2. Elsewhere it is a socket file; one that refuses connections belongs to the dead and is removed.
 */
export async function withLock<T>(name: string, body: () => Promise<T>, timeoutMs = 120_000): Promise<T> {
  const address = addressOf(name);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const held = await tryHold(address);
    if (held !== undefined) {
      try {
        return await body();
      } finally {
        held.release();
      }
    }
    const remaining = deadline - performance.now();
    if (remaining <= 0) throw instanceBusy(`${name} has been in use by another process for ${timeoutMs / 1000} s`);
    await waitForRelease(address, remaining);
  }
}

const abstract = process.platform === "linux";

function addressOf(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return abstract ? `\0nebuladb-${hash}` : join(tmpdir(), `nebuladb-${hash}.lock`);
}

function tryHold(address: string): Promise<{ release(): void } | undefined> {
  return new Promise((resolve, reject) => {
    const waiting = new Set<Socket>();
    const server: Server = createServer((socket) => {
      waiting.add(socket);
      socket.on("error", () => undefined).on("close", () => waiting.delete(socket));
    });
    server.once("error", (thrown: NodeJS.ErrnoException) =>
      thrown.code === "EADDRINUSE" ? resolve(undefined) : reject(thrown),
    );
    server.listen(address, () =>
      resolve({
        release() {
          server.close(); // gives the name free at once, then wakes who waits
          for (const socket of waiting) socket.destroy();
        },
      }),
    );
  });
}

function waitForRelease(address: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.on("error", async (thrown: NodeJS.ErrnoException) => {
      if (!abstract && thrown.code === "ECONNREFUSED") await unlink(address).catch(() => undefined);
    });
    socket.on("close", () => {
      clearTimeout(timer);
      setTimeout(resolve, 1);
    });
    socket.resume();
  });
}
