import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { gitEnvironment } from "./environment.ts";
import { badRevision, gitFailed, gitOutputLimit } from "./errors.ts";
import { ceiling } from "./run.ts";

/**
 * One long-lived `git cat-file --batch-command` of a repository: a read costs a pipe round trip instead of a process.
 *
 * 1. Answers come in the order of the questions; each question waits in `waiting` until its answer is complete.
 * 2. The process starts with the first question, leaves after `idleMs` without one, and starts again when needed.
 * 3. When it dies, what waits is asked again of a new one; the question that it died of twice fails.
 */
export type ObjectType = "blob" | "tree" | "commit" | "tag";
export type ObjectInfo = { readonly hash: string; readonly type: ObjectType; readonly sizeBytes: number };
export type ObjectContent = ObjectInfo & { readonly data: Buffer };

export type Batch = {
  /** undefined when the revision names nothing. */
  info(revision: string): Promise<ObjectInfo | undefined>;
  contents(revision: string): Promise<ObjectContent | undefined>;
  close(): void;
};

type Question = {
  readonly text: string;
  readonly wantsData: boolean;
  deaths: number;
  readonly resolve: (answer: ObjectContent | undefined) => void;
  readonly reject: (failure: Error) => void;
};

export function makeBatch(dir: string, { idleMs = 30_000, maxObjectBytes = 128 * 1024 * 1024 } = {}): Batch {
  let running: { child: ChildProcessWithoutNullStreams; waiting: Question[] } | undefined;
  let idle: NodeJS.Timeout | undefined;

  function start() {
    const child = spawn("git", ["-C", dir, "cat-file", "--batch-command"], { env: gitEnvironment({}, ceiling(dir)) });
    const waiting: Question[] = [];
    const self = { child, waiting };
    const parser = makeParser(waiting, maxObjectBytes);
    const fail = (failure: Error) => {
      if (running === self) running = undefined;
      child.kill("SIGKILL");
      const [first, ...others] = waiting.splice(0);
      if (first === undefined) return;
      first.deaths++;
      if (first.deaths > 1) first.reject(failure);
      for (const question of first.deaths > 1 ? others : [first, ...others]) put(question);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      try {
        parser(chunk);
      } catch (failure) {
        fail(failure as Error);
      }
      touch();
    });
    child.stderr.resume();
    child.stdin.on("error", () => {});
    child.on("error", (cause) => fail(gitFailed("git cat-file could not be started", { cause })));
    child.on("close", () => fail(gitFailed("git cat-file ended while it was asked")));
    return self;
  }

  function touch() {
    clearTimeout(idle);
    idle = setTimeout(() => {
      if (running?.waiting.length === 0) stop();
      else touch();
    }, idleMs);
    idle.unref();
  }

  function stop() {
    clearTimeout(idle);
    running?.child.stdin.end();
    running = undefined;
  }

  function put(question: Question): void {
    running ??= start();
    touch();
    running.waiting.push(question);
    running.child.stdin.write(question.text);
  }

  function ask(verb: "info" | "contents", revision: string): Promise<ObjectContent | undefined> {
    return new Promise((resolve, reject) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a control character would start another question
      if (revision === "" || revision.length > 4096 || /[\x00-\x1f\x7f]/.test(revision))
        return reject(badRevision(`${JSON.stringify(revision.slice(0, 80))} is not a revision`));
      put({ text: `${verb} ${revision}\n`, wantsData: verb === "contents", deaths: 0, resolve, reject });
    });
  }

  return {
    info: (revision) => ask("info", revision),
    contents: (revision) => ask("contents", revision),
    close: stop,
  };
}

/** Reads `<hash> <type> <size>\n[<data>\n]` or `<revision> missing|ambiguous\n`, in any chunking. */
function makeParser(waiting: Question[], maxObjectBytes: number): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = 0;
  return (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    if (held < needed) return; // do not join megabytes again for each chunk
    let pending = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    needed = 0;
    for (let question = waiting[0]; question !== undefined; question = waiting[0]) {
      const lineEnd = pending.indexOf(10);
      if (lineEnd === -1) break;
      const found = /^([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)$/.exec(pending.toString("utf8", 0, lineEnd));
      if (found === null) {
        pending = pending.subarray(lineEnd + 1);
        waiting.shift();
        question.resolve(undefined);
        continue;
      }
      const info = { hash: found[1] ?? "", type: found[2] as ObjectType, sizeBytes: Number(found[3]) };
      if (question.wantsData && info.sizeBytes > maxObjectBytes)
        throw gitOutputLimit(`object ${info.hash} has ${info.sizeBytes} bytes; ${maxObjectBytes} are read at most`);
      const dataStart = lineEnd + 1;
      const end = question.wantsData ? dataStart + info.sizeBytes + 1 : dataStart;
      if (pending.length < end) {
        needed = end;
        break;
      }
      waiting.shift();
      const data = question.wantsData ? Buffer.from(pending.subarray(dataStart, end - 1)) : Buffer.alloc(0);
      pending = pending.subarray(end);
      question.resolve({ ...info, data });
    }
    chunks = pending.length === 0 ? [] : [pending];
    held = pending.length;
  };
}
