/**
 * The one versitygw of a data folder, on a Unix socket in a folder of ours. Started when the first bucket is asked for, started again
 * when it dies, ended with us: it holds nothing but what lies on the disk. One that a killed gateway left is ended first.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Observe } from "../../platform/core/index.ts";
import type { Credentials } from "../../platform/files/index.ts";
import { filesServerFailed } from "./errors.ts";
import type { FilesLayout } from "./layout.ts";

export type FilesServer = {
  /** Settles when it answers. @throws NEB795 */
  up(): Promise<void>;
  close(): Promise<void>;
};

export type FilesServerOptions = {
  readonly bin: string;
  readonly layout: FilesLayout;
  /** Its administrator: it must have one, and nobody uses it. */
  readonly root: Credentials;
  readonly observe: Observe;
};

const readyMs = 15_000;

export function makeFilesServer({ bin, layout, root, observe }: FilesServerOptions): FilesServer {
  let starting: Promise<void> | undefined;
  let child: ChildProcess | undefined;
  let isClosed = false;

  const start = async () => {
    for (const folder of [layout.objects, layout.removed, layout.iam, dirname(layout.log), dirname(layout.socket)])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid } = lstatSync(dirname(layout.socket));
    if (uid !== process.getuid?.()) throw filesServerFailed(`${dirname(layout.socket)} is somebody else's`);
    endLeftOver(layout);
    rmSync(layout.socket, { force: true });
    const log = openSync(layout.log, "a", 0o640);
    const began = spawn(bin, argumentsOf(layout), {
      cwd: layout.root,
      env: {
        ...{ PATH: "/usr/local/bin:/usr/bin:/bin", HOME: layout.root, TZ: "UTC", GOMEMLIMIT: "256MiB" },
        ...{ ROOT_ACCESS_KEY: root.accessKeyId, ROOT_SECRET_KEY: root.secretAccessKey },
        ...supervised(),
      },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    let ending: string | undefined;
    began.once("error", (problem) => {
      ending = problem.message;
    });
    began.once("exit", (code, signal) => {
      ending ??= `it ended (${signal ?? code})`;
      if (child === began) [child, starting] = [undefined, undefined];
      if (!isClosed) observe({ kind: "process.ended", process: "versitygw", how: ending, restartInMs: 0 });
    });
    child = began;
    if (began.pid !== undefined) writeFileSync(layout.pid, String(began.pid), { mode: 0o600 });
    const until = performance.now() + readyMs;
    while (!(await answers(layout.socket))) {
      if (ending !== undefined || isClosed || performance.now() > until) {
        began.kill("SIGKILL");
        throw filesServerFailed(`versitygw did not start: ${ending ?? "it does not answer"}`);
      }
      await sleep(50);
    }
  };

  return {
    up() {
      if (isClosed) return Promise.reject(filesServerFailed("it is going down"));
      starting ??= start().catch((thrown) => {
        starting = undefined;
        throw thrown;
      });
      return starting;
    },
    async close() {
      isClosed = true;
      const running = child;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => running.once("exit", () => resolve()));
      running.kill("SIGTERM");
      const hard = setTimeout(() => running.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(hard);
    },
  };
}

/** One whose gateway was killed goes on for nobody: it is known by its pid file and by the socket that it was told. */
function endLeftOver({ pid, socket }: FilesLayout): void {
  try {
    const left = Number(readFileSync(pid, "utf8"));
    if (left > 1 && readFileSync(`/proc/${left}/cmdline`, "utf8").split("\0").includes(socket))
      process.kill(left, "SIGKILL");
  } catch {
    // none was left, or it has gone
  }
}

/** The platform's mark goes on to it: by it `nebula down` finds what a gateway that was killed left. */
const supervised = (): Record<string, string> => {
  const mark = process.env.NEBULA_SUPERVISED;
  return mark === undefined ? {} : { NEBULA_SUPERVISED: mark };
};

/** ACLs are off: who may do what is ours to say, and a bucket has one account. */
const argumentsOf = ({ socket, iam, objects }: FilesLayout): string[] => [
  ...["--port", socket, "--socket-perm", "0600", "--quiet", "--iam-dir", iam, "--iam-cache-disable", "--keep-alive"],
  ...["posix", "--dir-perms", "0700", "--file-perms", "0600", objects],
];

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
