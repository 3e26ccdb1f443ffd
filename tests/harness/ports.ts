import { randomInt } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/*
 * Below the range from which the kernel takes the ports of outgoing connections (from 32768 on): what is free there a moment ago stays
 * free until it is listened on, unless another test asks. So blocks are claimed by process, in a folder that all tests share.
 */
const [firstPort, blockSize, blocks] = [10_000, 200, 100];
const lastPort = 32_767;
const claims = join(tmpdir(), "nebula-test-ports");

/** A loopback port that is free. `span` asks for that many in a row, at most 200; they are this process's until it ends. */
export async function freePort(span = 1): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const first = span === 1 ? randomInt(firstPort + blocks * blockSize, lastPort + 1) : claimBlock(span);
    if (first === undefined) continue;
    const free = await Promise.all(Array.from({ length: span }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${span} ports in a row are free`);
}

function claimBlock(span: number): number | undefined {
  if (span > blockSize) throw new Error(`at most ${blockSize} ports in a row`);
  const block = randomInt(blocks);
  const claim = join(claims, String(block));
  mkdirSync(claims, { recursive: true, mode: 0o1777 });
  try {
    writeFileSync(claim, String(process.pid), { flag: "wx" });
    return firstPort + block * blockSize;
  } catch {
    // its process has ended: whoever comes next takes it
    if (!isAlive(readOwner(claim))) rmSync(claim, { force: true });
    return undefined;
  }
}

function readOwner(claim: string): number {
  try {
    return Number(readFileSync(claim, "utf8"));
  } catch {
    return process.pid; // taken and given back a moment ago
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
