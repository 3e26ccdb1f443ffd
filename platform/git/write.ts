import { randomUUID } from "node:crypto";
import { badRevision } from "./errors.ts";
import type { Person, TreeEntry } from "./objects.ts";
import type { Ran, RunOptions } from "./run.ts";

export type NewCommit = {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  readonly author: Person;
  readonly committer?: Person;
};

/** `to` null deletes. `from` is compared when given: null means that the reference must not exist. */
export type RefUpdate = { readonly name: string; readonly to: string | null; readonly from?: string | null };

export type Merge =
  | { readonly kind: "clean"; readonly tree: string }
  | { readonly kind: "conflict"; readonly paths: readonly string[] };

export type Writer = {
  /** Writes a blob and returns its hash. */
  hashObject(data: Buffer | string): Promise<string>;
  /** Writes many blobs in one process; the hashes are in the order of the data. */
  hashObjects(data: readonly (Buffer | string)[]): Promise<readonly string[]>;
  /** Writes a commit without parents of all these files (100644) in one process. No reference moves. */
  importFiles(
    files: ReadonlyMap<string, Buffer | string>,
    commit: Omit<NewCommit, "tree" | "parents">,
  ): Promise<string>;
  /** Writes one folder's tree; the paths are names without a slash. */
  mktree(entries: readonly TreeEntry[]): Promise<string>;
  commitTree(commit: NewCommit): Promise<string>;
  /** All or nothing. `moved` when a `from` no longer holds or another writer was faster. */
  updateRefs(updates: readonly RefUpdate[]): Promise<"updated" | "moved">;
  updateRef(name: string, to: string | null, from?: string | null): Promise<"updated" | "moved">;
  /** Merges two commits' trees without a work tree; needs git 2.38. */
  mergeTree(ours: string, theirs: string): Promise<Merge>;
};

const zero = "0".repeat(40);

export function makeWriter(run: (args: readonly string[], options?: RunOptions) => Promise<Ran>): Writer {
  const text = async (args: readonly string[], options?: RunOptions) =>
    (await run(args, options)).stdout.toString("utf8").trim();
  const updateRefs: Writer["updateRefs"] = async (updates) => {
    const lines = updates.map(({ name, to, from }) => {
      checkRefName(name);
      const old = from === undefined ? "" : (from ?? zero);
      return to === null ? `delete ${name}\0${old}\0` : `update ${name}\0${to}\0${old}\0`;
    });
    const { code, stderr } = await run(["update-ref", "--no-deref", "-z", "--stdin"], {
      input: `start\0${lines.join("")}prepare\0commit\0`,
      okCodes: [0, 128],
    });
    if (code === 0) return "updated";
    if (/is at .* but expected|reference already exists|unable to resolve reference|cannot lock ref/.test(stderr))
      return "moved";
    throw badRevision(`git update-ref refused: ${stderr.trim().slice(0, 300)}`);
  };
  return {
    hashObject: (data) => text(["hash-object", "-w", "--stdin"], { input: data }),
    async hashObjects(data) {
      if (data.length === 0) return [];
      const blobs = data.flatMap((one, i) => [`blob\nmark :${i + 1}\n`, ...sized(one), `get-mark :${i + 1}\n`]);
      return (await text(fastImport, { input: stream(blobs) })).split("\n");
    },
    async importFiles(files, { message, author, committer = author }) {
      // fast-import always moves a reference: one of its own, which goes again.
      const name = `refs/import/${randomUUID()}`;
      const head = [
        `commit ${name}\nmark :1\n`,
        `author ${line(author)}\ncommitter ${line(committer)}\n`,
        ...sized(message),
      ];
      const entries = [...files].flatMap(([path, data]) => [`M 100644 inline ${quoted(path)}\n`, ...sized(data)]);
      const hash = await text(fastImport, {
        input: stream([...head, ...entries, "\nget-mark :1\n"]),
        timeoutMs: 300_000,
      });
      await updateRefs([{ name, to: null }]);
      return hash;
    },
    mktree: (entries) =>
      text(["mktree", "-z"], { input: entries.map((e) => `${e.mode} ${e.type} ${e.hash}\t${e.path}\0`).join("") }),
    commitTree: ({ tree, parents, message, author, committer = author }) =>
      text(["commit-tree", ...parents.flatMap((parent) => ["-p", parent]), "-F", "-", tree], {
        input: message,
        env: { ...identity("AUTHOR", author), ...identity("COMMITTER", committer) },
        config: { "commit.gpgSign": "false", "i18n.commitEncoding": "utf-8" },
      }),
    updateRefs,
    updateRef: (name, to, from) => updateRefs([from === undefined ? { name, to } : { name, to, from }]),
    async mergeTree(ours, theirs) {
      const flags = ["--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories"];
      const { code, stdout } = await run(["merge-tree", ...flags, "--end-of-options", ours, theirs], {
        okCodes: [0, 1],
      });
      const [tree = "", ...paths] = stdout.toString("utf8").split("\0");
      return code === 0 ? { kind: "clean", tree } : { kind: "conflict", paths: paths.filter((path) => path !== "") };
    },
  };
}

function identity(who: "AUTHOR" | "COMMITTER", { name, email, at }: Person): Record<string, string> {
  return {
    [`GIT_${who}_NAME`]: clean(name) || "unknown",
    [`GIT_${who}_EMAIL`]: clean(email),
    [`GIT_${who}_DATE`]: `@${Math.floor(at / 1000)} +0000`,
  };
}

const fastImport = ["fast-import", "--quiet", "--done", "--date-format=raw"];

const stream = (parts: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat([...parts, "done\n"].map((part) => (typeof part === "string" ? Buffer.from(part) : part)));

const sized = (data: Buffer | string): (Buffer | string)[] => [`data ${Buffer.byteLength(data)}\n`, data, "\n"];

const quoted = (path: string): string => `"${path.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;

const clean = (value: string) => value.replaceAll(/[<>\n\0]/g, "").trim();
const line = ({ name, email, at }: Person): string =>
  `${clean(name) || "unknown"} <${clean(email)}> ${Math.floor(at / 1000)} +0000`;

/** The rules of git-check-ref-format, for full names. @throws NEB376 */
export function checkRefName(name: string): string {
  if (!isRefName(name)) throw badRevision(`${JSON.stringify(name.slice(0, 120))} is not a reference name`);
  return name;
}

export function isRefName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those must not pass
  if (name.length > 255 || !name.startsWith("refs/") || /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$/.test(name))
    return false;
  const parts = name.split("/");
  return parts.length >= 3 && parts.every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"));
}
