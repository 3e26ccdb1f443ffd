import { type Batch, makeBatch, type ObjectInfo, type ObjectType } from "./batch.ts";
import { type FileChange, type FilePatch, parsePatches, parseRaw } from "./diff.ts";
import { type GitConfig, tokenConfig } from "./environment.ts";
import { badRevision, objectMissing } from "./errors.ts";
import { type Commit, emptyTree, parseCommit, parseListing, parseTree, type TreeEntry } from "./objects.ts";
import { type Ran, type RunOptions, runGit } from "./run.ts";
import { makeWriter, type Writer } from "./write.ts";

export type Token = { reveal(): string } | string;
export type FetchOptions = {
  readonly token?: Token | undefined;
  readonly prune?: boolean;
  readonly depth?: number;
  /** IP addresses that the host of the URL is reached at: no resolver is asked again. */
  readonly addresses?: readonly string[];
  /** Default 120,000. */
  readonly timeoutMs?: number;
};
export type Ref = { readonly name: string; readonly hash: string; readonly type: ObjectType };

/** One repository. Reads of single objects share one process; `close` ends it. */
export type Git = Reader &
  Writer & {
    readonly dir: string;
    /** Any git command. The caller keeps untrusted text behind `--end-of-options` or `--`. */
    run(args: readonly string[], options?: RunOptions): Promise<Ran>;
    /** @throws NEB374 token refused, NEB375 host away, NEB378 no such repository or reference. */
    fetch(url: string, refspecs: readonly string[], options?: FetchOptions): Promise<void>;
    close(): void;
  };

export type Reader = {
  /** The hash a revision names, undefined when there is none. With `type`, tags and commits are peeled to it. */
  revParse(revision: string, type?: "commit" | "tree"): Promise<string | undefined>;
  typeOf(revision: string): Promise<ObjectType | undefined>;
  infoOf(revision: string): Promise<ObjectInfo | undefined>;
  /** Entries of the folder `path` (default: the root) at a revision; empty when it has no such folder. @throws NEB377 no such revision. */
  lsTree(revision: string, path?: string, options?: { readonly recursive?: boolean }): Promise<readonly TreeEntry[]>;
  /** The entry at a path, undefined when there is none. */
  entry(revision: string, path: string): Promise<TreeEntry | undefined>;
  /** Contents by hash. @throws NEB377 when one is missing. */
  catFiles(hashes: Iterable<string>): Promise<Map<string, Buffer>>;
  /** A file's content at a revision, undefined when there is no such file. */
  catFile(revision: string, path: string): Promise<Buffer | undefined>;
  commit(revision: string): Promise<Commit | undefined>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  mergeBase(a: string, b: string): Promise<string | undefined>;
  aheadBehind(base: string, head: string): Promise<{ readonly ahead: number; readonly behind: number }>;
  /** Commit hashes, newest first. */
  revList(
    revision: string,
    options?: {
      readonly exclude?: string;
      readonly skip?: number;
      readonly maxCount?: number;
      readonly path?: string;
      readonly reverse?: boolean;
      readonly firstParent?: boolean;
      readonly sinceMs?: number;
      readonly untilMs?: number;
    },
  ): Promise<readonly string[]>;
  /** What changed from a to b (commits or trees; null is the empty tree), all folders, renames found. */
  diffTree(
    a: string | null,
    b: string | null,
    options?: { readonly paths?: readonly string[] },
  ): Promise<readonly FileChange[]>;
  /** The same with text and line counts. */
  diffPatch(a: string | null, b: string | null): Promise<readonly FilePatch[]>;
  /** References whose name is or begins with a prefix such as `refs/heads/`, sorted by name. */
  forEachRef(prefix?: string): Promise<readonly Ref[]>;
};

export function makeGit(dir: string): Git {
  const batch = makeBatch(dir);
  const run = (args: readonly string[], options?: RunOptions) => runGit(dir, args, options);
  return {
    dir,
    run,
    ...makeReader(run, batch),
    ...makeWriter(run),
    async fetch(url, refspecs, { token, prune = false, depth, addresses, timeoutMs = 120_000 } = {}) {
      const flags = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
      if (prune) flags.push("--prune");
      if (depth !== undefined) flags.push(`--depth=${depth}`);
      await run(["fetch", ...flags, "--end-of-options", url, ...refspecs], {
        config: { ...tokenConfig(token), ...pinned(url, addresses) },
        timeoutMs,
      });
    },
    close: () => batch.close(),
  };
}

/** curl's own way to say where a host is: `host:port:address,address`. */
function pinned(url: string, addresses: readonly string[] = []): GitConfig {
  if (addresses.length === 0) return {};
  const { protocol, hostname, port } = new URL(url);
  if (hostname.startsWith("[") || hostname === addresses[0]) return {};
  return { "http.curloptResolve": `${hostname}:${port || (protocol === "http:" ? 80 : 443)}:${addresses.join(",")}` };
}

type Run = (args: readonly string[], options?: RunOptions) => Promise<Ran>;

function makeReader(run: Run, batch: Batch): Reader {
  const at = (revision: string, path: string) =>
    path === "" ? `${checkRevision(revision)}^{tree}` : `${checkRevision(revision)}:${path}`;
  const readTree = async (revision: string, path: string): Promise<readonly TreeEntry[]> => {
    const found = isPlainPath(path) ? await batch.contents(at(revision, path)) : undefined;
    if (found === undefined && (await batch.info(revision)) === undefined)
      throw objectMissing(`${revision} is not in the repository`);
    return found?.type === "tree" ? parseTree(found.data, path) : [];
  };
  const commit: Reader["commit"] = async (revision) => {
    const found = await batch.contents(`${checkRevision(revision)}^{commit}`);
    return found === undefined ? undefined : parseCommit(found.hash, found.data);
  };
  const reader: Reader = {
    revParse: async (revision, type) =>
      (await batch.info(type === undefined ? revision : `${checkRevision(revision)}^{${type}}`))?.hash,
    infoOf: (revision) => batch.info(revision),
    typeOf: async (revision) => (await batch.info(revision))?.type,
    async lsTree(revision, path = "", { recursive = false } = {}) {
      const folder = trimPath(path);
      if (!recursive) return readTree(revision, folder);
      const tree = isPlainPath(folder) ? await batch.info(at(revision, folder)) : undefined;
      if (tree?.type !== "tree") return readTree(revision, folder);
      const listing = parseListing((await run(["ls-tree", "-r", "-z", "--full-tree", tree.hash])).stdout);
      return folder === "" ? listing : listing.map((entry) => ({ ...entry, path: `${folder}/${entry.path}` }));
    },
    async entry(revision, path) {
      const wanted = trimPath(path);
      const cut = wanted.lastIndexOf("/");
      const siblings = await readTree(revision, cut === -1 ? "" : wanted.slice(0, cut));
      return siblings.find((entry) => entry.path === wanted);
    },
    async catFiles(hashes) {
      const read = async (hash: string): Promise<[string, Buffer]> => {
        const found = await batch.contents(hash);
        if (found === undefined) throw objectMissing(`object ${hash} is not in the repository`);
        return [hash, found.data];
      };
      return new Map(await Promise.all([...new Set(hashes)].map(read)));
    },
    async catFile(revision, path) {
      const file = trimPath(path);
      const found = isPlainPath(file) && file !== "" ? await batch.contents(at(revision, file)) : undefined;
      return found?.type === "blob" ? found.data : undefined;
    },
    commit,
    ...makeHistory(run, commit),
    ...makeDiffs(run),
    async forEachRef(prefix = "refs/") {
      const format = "--format=%(refname)%00%(objectname)%00%(objecttype)";
      // for-each-ref matches whole components: a prefix inside one is filtered here.
      const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1) || "refs/";
      const { stdout } = await run(["for-each-ref", format, "--", folder]);
      const lines = stdout.toString("utf8").split("\n").slice(0, -1);
      return lines
        .map((line) => {
          const [name = "", hash = "", type = ""] = line.split("\0");
          return { name, hash, type: type as ObjectType };
        })
        .filter((ref) => ref.name.startsWith(prefix));
    },
  };
  return reader;
}

function makeHistory(
  run: Run,
  commit: Reader["commit"],
): Pick<Reader, "isAncestor" | "mergeBase" | "aheadBehind" | "revList"> {
  return {
    async isAncestor(ancestor, descendant) {
      if (ancestor === descendant) return true;
      // Mostly it is the parent, and reading one commit costs no process.
      if ((await commit(descendant))?.parents.includes(ancestor)) return true;
      const question = ["merge-base", "--is-ancestor", "--end-of-options", ancestor, descendant];
      return (await run(question, { okCodes: [0, 1] })).code === 0;
    },
    async mergeBase(a, b) {
      const { code, stdout } = await run(["merge-base", "--end-of-options", a, b], { okCodes: [0, 1] });
      return code === 0 ? stdout.toString("utf8").trim().split("\n")[0] : undefined;
    },
    async aheadBehind(base, head) {
      const range = `${checkRevision(base)}...${checkRevision(head)}`;
      const { stdout } = await run(["rev-list", "--left-right", "--count", "--end-of-options", range]);
      const [behind = 0, ahead = 0] = stdout.toString("utf8").trim().split("\t").map(Number);
      return { ahead, behind };
    },
    async revList(revision, options = {}) {
      const flags: string[] = [];
      if (options.skip !== undefined) flags.push(`--skip=${options.skip}`);
      if (options.maxCount !== undefined) flags.push(`--max-count=${options.maxCount}`);
      if (options.reverse) flags.push("--reverse", "--topo-order");
      if (options.firstParent) flags.push("--first-parent");
      if (options.sinceMs !== undefined) flags.push(`--since=${Math.floor(options.sinceMs / 1000)}`);
      if (options.untilMs !== undefined) flags.push(`--until=${Math.floor(options.untilMs / 1000)}`);
      const revisions = [checkRevision(revision), ...(options.exclude ? [`^${checkRevision(options.exclude)}`] : [])];
      const paths = options.path === undefined ? [] : [trimPath(options.path)];
      const { stdout } = await run([
        "--literal-pathspecs",
        "rev-list",
        ...flags,
        "--end-of-options",
        ...revisions,
        "--",
        ...paths,
      ]);
      return stdout.toString("utf8").split("\n").slice(0, -1);
    },
  };
}

function makeDiffs(run: Run): Pick<Reader, "diffTree" | "diffPatch"> {
  const diff = async (a: string | null, b: string | null, flags: readonly string[], paths: readonly string[]) =>
    (
      await run([
        "--literal-pathspecs",
        ...["diff-tree", "-r", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-color", ...flags],
        ...["--end-of-options", a ?? emptyTree, b ?? emptyTree, "--", ...paths],
      ])
    ).stdout;
  return {
    diffTree: async (a, b, { paths = [] } = {}) => parseRaw(await diff(a, b, ["-z", "--raw", "--no-abbrev"], paths)),
    diffPatch: async (a, b) => parsePatches(await diff(a, b, ["-z", "--raw", "-p", "--no-abbrev"], [])),
  };
}

/** A revision that git cannot take for an option, a range or a path. */
export function checkRevision(revision: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those must not pass
  if (revision === "" || revision.startsWith("-") || /[\x00-\x20\x7f:?*[\\^~]|\.\./.test(revision))
    throw badRevision(`${JSON.stringify(revision.slice(0, 80))} is not a revision`);
  return revision;
}

/** git takes `.` and `..` in `<revision>:<path>` as relative to where it runs, and dies when that leads outside. */
const isPlainPath = (path: string): boolean => path.split("/").every((part) => part !== "." && part !== "..");

const trimPath = (path: string): string => path.replaceAll(/^\/+|\/+$/g, "");
