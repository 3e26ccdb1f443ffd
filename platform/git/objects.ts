import { gitFailed } from "./errors.ts";

export type TreeEntry = {
  /** 100644, 100755, 120000 (symbolic link), 040000 (folder), 160000 (submodule). */
  readonly mode: string;
  readonly type: "blob" | "tree" | "commit";
  readonly hash: string;
  /** From the root of the repository. */
  readonly path: string;
};

export type Person = { readonly name: string; readonly email: string /** Epoch milliseconds. */; readonly at: number };

export type Commit = {
  readonly hash: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Person;
  readonly committer: Person;
  readonly message: string;
  readonly signature: string | null;
};

/** The tree of no files: every repository knows it. */
export const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

export function typeOfMode(mode: string): TreeEntry["type"] {
  return mode === "040000" ? "tree" : mode === "160000" ? "commit" : "blob";
}

/** A tree object's bytes: `<mode> <name>\0<20 bytes>` repeated. */
export function parseTree(data: Buffer, folder: string): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const nul = data.indexOf(0, space);
    if (space === -1 || nul === -1) throw gitFailed("a tree object is damaged");
    const mode = data.toString("latin1", at, space).padStart(6, "0");
    const name = data.toString("utf8", space + 1, nul);
    const hash = data.toString("hex", nul + 1, nul + 21);
    entries.push({ mode, type: typeOfMode(mode), hash, path: folder === "" ? name : `${folder}/${name}` });
    at = nul + 21;
  }
  return entries;
}

/** `git ls-tree -z` lines: `<mode> <type> <hash>\t<path>\0`. */
export function parseListing(output: Buffer): TreeEntry[] {
  return records(output).map((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", type = "", hash = ""] = line.slice(0, tab).split(" ");
    return { mode, type: type as TreeEntry["type"], hash, path: line.slice(tab + 1) };
  });
}

export const records = (output: Buffer): string[] => output.toString("utf8").split("\0").slice(0, -1);

export function parseCommit(hash: string, data: Buffer): Commit {
  const text = data.toString("utf8");
  const end = text.indexOf("\n\n");
  const head = end === -1 ? text : text.slice(0, end);
  const headers = head.replaceAll(/\n (.*)/g, "\u0001$1").split("\n");
  const all = (name: string) =>
    headers.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  const signature = all("gpgsig")[0];
  return {
    hash,
    tree: all("tree")[0] ?? "",
    parents: all("parent"),
    author: parsePerson(all("author")[0] ?? ""),
    committer: parsePerson(all("committer")[0] ?? ""),
    message: end === -1 ? "" : text.slice(end + 2),
    signature: signature === undefined ? null : signature.replaceAll("\u0001", "\n"),
  };
}

function parsePerson(line: string): Person {
  const found = /^(.*?) ?<([^>]*)> (-?\d+) [+-]\d{4}$/.exec(line);
  return { name: found?.[1] ?? "", email: found?.[2] ?? "", at: Number(found?.[3] ?? 0) * 1000 };
}
