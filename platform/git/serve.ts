import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type GitConfig, gitEnvironment } from "./environment.ts";
import { gitFailed, gitMissing, gitTimeout } from "./errors.ts";
import { ceiling, killGroup } from "./run.ts";

export type Service = "git-upload-pack" | "git-receive-pack";
export type ServeOptions = {
  readonly service: Service;
  /** First request of the smart protocol: what the repository has. */
  readonly advertise: boolean;
  /** The client's Git-Protocol header. */
  readonly protocol?: string | undefined;
  readonly input: Readable | null;
  readonly output: Writable;
  readonly config?: GitConfig;
  /** For hooks that the configuration names. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default 600,000. */
  readonly timeoutMs?: number;
};

/**
 * One request of git's smart HTTP protocol, streamed both ways. The output is left open.
 * Never called with a repository that the caller may not read or write: git itself checks nothing here.
 */
export async function serveGit(dir: string, options: ServeOptions): Promise<void> {
  const { service, advertise, protocol, input, output, timeoutMs = 600_000 } = options;
  const flags = ["--stateless-rpc", ...(advertise ? ["--http-backend-info-refs"] : [])];
  const version = protocol !== undefined && /^version=[0-2]$/.test(protocol) ? { GIT_PROTOCOL: protocol } : {};
  const child = spawn("git", [service.slice("git-".length), ...flags, dir], {
    env: gitEnvironment(options.config, { ...ceiling(dir), ...version, ...options.env }),
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (errors.length < 4096) errors += chunk.toString("utf8");
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, timeoutMs);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", (cause) => reject(gitMissing("git could not be started", { cause })));
    child.on("close", resolve);
  });
  // A client that goes away ends git's input early and git refuses what is cut off; git may also answer without reading it all.
  const feeding = input === null ? child.stdin.end() : pipeline(input, child.stdin).catch(() => child.stdin.destroy());
  try {
    await Promise.all([pipeline(child.stdout, output, { end: false }), feeding]);
    const code = await ended;
    if (late) throw gitTimeout(`git ${service} did not end within ${timeoutMs} ms`);
    if (code !== 0) throw gitFailed(`git ${service} ended with ${code}: ${errors.trim().slice(0, 400)}`);
  } finally {
    clearTimeout(timer);
    killGroup(child);
  }
}
