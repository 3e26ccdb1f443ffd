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
  const clean = (value: string) => value.replaceAll(/[<>\n\0]/g, "").trim();
  return {
    [`GIT_${who}_NAME`]: clean(name) || "unknown",
    [`GIT_${who}_EMAIL`]: clean(email),
    [`GIT_${who}_DATE`]: `@${Math.floor(at / 1000)} +0000`,
  };
}

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
