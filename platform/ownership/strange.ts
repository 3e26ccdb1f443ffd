import { isName } from "../spec/index.ts";
import { skeletonOf } from "./skeleton.ts";

/** A path as the merge would make it. */
export type ChangedFile = {
  readonly path: string;
  /** 000000 where it is removed. */
  readonly newMode: string;
  /** It did not stand there before. */
  readonly isNew: boolean;
};

export type StrangeFile = { readonly path: string; readonly why: string };

const plain = /^[\x20-\x7e]+$/;
const removed = "000000";
/** What GitHub, git and Node read at the root of a repository or below it; another spelling of one deceives a reader. */
const known = ["tenants", ".github", "vendor", "node_modules", "package.json", "package-lock.json", "Pulumi.yaml"];

/**
 * Files that no pull request may bring, whoever asks: what is no plain file, and what looks like something that it is not. Pure.
 * @param existing every path of the base, to find what a new one imitates.
 */
export function strangeFiles(changes: readonly ChangedFile[], existing: Iterable<string>): readonly StrangeFile[] {
  const brought = changes.filter(({ newMode }) => newMode !== removed);
  const twins = brought.some(({ isNew }) => isNew) ? makeTwins(existing) : () => undefined;
  return brought.flatMap(({ path, newMode }) => {
    const why = oddMode(path, newMode) ?? oddName(path) ?? twins(path);
    return why === undefined ? [] : [{ path, why }];
  });
}

function oddMode(path: string, mode: string): string | undefined {
  if (mode === "120000") return "is a symbolic link";
  if (mode === "160000") return "is a submodule";
  if (mode === "100644") return undefined;
  if (mode === "100755") return path.startsWith("tenants/") ? "is executable" : undefined;
  return `has the mode ${mode}`;
}

function oddName(path: string): string | undefined {
  const parts = path.split("/");
  const dots = parts.some((part) => part === "" || part === "." || part === ".." || /^\.git$/i.test(part));
  if (dots || path.includes("\\")) return "leads outside its folder";
  const [root = "", tenant = "", second = "", third] = parts;
  if (root !== "tenants") {
    const twin = known.find((one) => one !== root && skeletonOf(one) === skeletonOf(root));
    return twin === undefined ? undefined : `looks like ${twin}`;
  }
  if (!plain.test(path)) return "has characters that a path below tenants/ cannot have";
  if (parts.length < 3) return undefined;
  if (!isName(tenant)) return `${JSON.stringify(tenant)} is no name of a tenant`;
  if (third !== undefined && !isName(second)) return `${JSON.stringify(second)} is no name of a project`;
  return undefined;
}

/**
 * Answers which sibling a new path imitates without being it, level by level: `tenants/Acme` beside `tenants/acme`. One pass over
 * what exists, and only when something is new.
 */
function makeTwins(existing: Iterable<string>): (path: string) => string | undefined {
  const children = new Map<string, Set<string>>();
  const learn = (path: string): void => {
    for (const { folder, name } of levelsOf(path)) {
      const names = children.get(folder) ?? new Set();
      children.set(folder, names.add(name));
    }
  };
  for (const path of existing) learn(path);
  return (path) => {
    for (const { folder, name } of levelsOf(path)) {
      const siblings = children.get(folder);
      if (siblings === undefined) break;
      if (siblings.has(name)) continue;
      const twin = [...siblings].find((one) => skeletonOf(one) === skeletonOf(name));
      if (twin !== undefined) return `looks like ${folder}${twin}`;
      break;
    }
    learn(path);
    return undefined;
  };
}

/** Each folder of a path with what stands in it, from the root on. */
function* levelsOf(path: string): Iterable<{ readonly folder: string; readonly name: string }> {
  let from = 0;
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", from)) {
    yield { folder: path.slice(0, from), name: path.slice(from, at) };
    from = at + 1;
  }
  yield { folder: path.slice(0, from), name: path.slice(from) };
}
