/** Postgres's own programs and tar, run to their end: fixed arguments, no shell, a clean environment, the password by file. */
import { spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Programs } from "../compute/index.ts";
import type { Fault } from "../core/index.ts";
import { toolsMissing } from "./errors.ts";

type Options = {
  /** What its failure is. */
  readonly fault: Fault;
  /** A libpq password file. */
  readonly passFile?: string;
  /** As the user that runs Postgres; else as we are. */
  readonly as?: Programs["user"];
  readonly input?: AsyncIterable<Buffer> | Readable;
  readonly timeoutMs?: number;
  /** Leaves the processor to others. */
  readonly background?: boolean;
};

/** @throws NEB422 where only the server was installed. */
export async function toolPath({ bin }: Programs, name: string): Promise<string> {
  const path = join(bin, name);
  await access(path).catch((cause) => {
    throw toolsMissing(`${name} is not in ${bin}`, { cause });
  });
  return path;
}

/** Its standard output. */
export async function runTool(program: string, args: readonly string[], options: Options): Promise<string> {
  const { fault, passFile, as, input, timeoutMs = 6 * 3_600_000, background = false } = options;
  const [path, all] = background ? ["nice", ["-n", "10", program, ...args]] : [program, [...args]];
  const child = spawn(path, all, {
    ...(as === null || as === undefined ? {} : { uid: as.uid, gid: as.gid }),
    cwd: "/",
    env: {
      ...{ PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
      ...(passFile === undefined ? {} : { PGPASSFILE: passFile }),
    },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let [output, complaint] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.on("error", (cause) => reject(fault(`${program} could not be run: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const words = complaint.trim().split("\n").slice(-6).join("; ");
      reject(fault(`${program.split("/").at(-1)} ended with ${signal ?? code}: ${words}`));
    });
  });
  if (input === undefined || child.stdin === null) return ended;
  const fed = pipeline(input, child.stdin);
  // what broke the input is the reason, not that the program then missed its end
  const [end, feed] = await Promise.allSettled([ended, fed]);
  if (feed.status === "rejected" && (feed.reason as NodeJS.ErrnoException).code !== "EPIPE") throw feed.reason;
  if (end.status === "rejected") throw end.reason;
  return end.value;
}
