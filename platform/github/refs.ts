import { type Call, findOrMake, once, orMissing, type Repository } from "./call.ts";
import type { Commit, FileContent, TreeChange } from "./types.ts";

export type Refs = {
  /** The commit a branch points at; undefined when there is no such branch. */
  getBranch(branch: string): Promise<string | undefined>;
  /** @throws NEB683 when the branch exists. */
  createBranch(branch: string, sha: string): Promise<void>;
  /** Moves a branch forward. @throws NEB683 when `sha` does not follow what is there and `force` is not given. */
  updateBranch(branch: string, sha: string, options?: { readonly force?: boolean }): Promise<void>;
  /** Deleting a branch that is gone is success. */
  deleteBranch(branch: string): Promise<void>;
  getCommit(sha: string): Promise<Commit>;
  /** Every path of the tree of a commit with its blob, folders left out. `truncated` when the host cut the answer. */
  listTree(commit: string): Promise<{
    readonly files: readonly { readonly path: string; readonly sha: string; readonly size: number }[];
    readonly truncated: boolean;
  }>;
  /** One file as text; undefined when it is not there. */
  getFile(path: string, ref: string): Promise<FileContent | undefined>;
  /** Text of many blobs by hash. */
  getBlob(sha: string): Promise<string>;
  /**
   * One commit on top of `parent` with these changes; no branch moves. Whoever wants it reachable creates or updates one.
   */
  commitFiles(commit: {
    readonly parent: string;
    readonly message: string;
    readonly changes: readonly TreeChange[];
    readonly author?: { readonly name: string; readonly email: string };
  }): Promise<Commit>;
  /** Files changed between two commits (three dots: since their merge base). */
  compare(
    base: string,
    head: string,
  ): Promise<{ readonly aheadBy: number; readonly behindBy: number; readonly paths: readonly string[] }>;
};

export function makeRefs(call: Call, repository: Repository): Refs {
  const named = (branch: string) => ({ ...repository, ref: `heads/${branch}` });
  const refs: Refs = {
    getBranch: (branch) =>
      orMissing(
        call(`read branch ${branch}`, async ({ rest }) => {
          const { data } = await rest.git.getRef(named(branch));
          return data.object.sha;
        }),
      ),
    createBranch: (branch, sha) =>
      findOrMake(
        async () => ((await refs.getBranch(branch)) === sha ? true : undefined),
        () =>
          call(`create branch ${branch}`, async ({ rest }) => {
            await rest.git.createRef({ ...repository, ref: `refs/heads/${branch}`, sha, request: once });
            return true;
          }),
      ).then(() => undefined),
    updateBranch: (branch, sha, { force = false } = {}) =>
      call(`move branch ${branch}`, async ({ rest }) => {
        await rest.git.updateRef({ ...named(branch), sha, force });
      }),
    async deleteBranch(branch) {
      await orMissing(call(`delete branch ${branch}`, ({ rest }) => rest.git.deleteRef(named(branch))));
    },
    getCommit: (sha) =>
      call(`read commit ${sha}`, async ({ rest }) => {
        const { data } = await rest.git.getCommit({ ...repository, commit_sha: sha });
        return fromWire(data);
      }),
    listTree: (commit) =>
      call(`list the files of ${commit}`, async ({ rest }) => {
        const { data } = await rest.git.getTree({ ...repository, tree_sha: commit, recursive: "1" });
        const files = data.tree.flatMap(({ type, path, sha, size }) =>
          type === "blob" && path !== undefined && sha != null ? [{ path, sha, size: size ?? 0 }] : [],
        );
        return { files, truncated: data.truncated };
      }),
    getFile: (path, ref) =>
      orMissing(
        call(`read ${path} at ${ref}`, async ({ rest }) => {
          const { data } = await rest.repos.getContent({ ...repository, path, ref });
          if (Array.isArray(data) || data.type !== "file") throw Object.assign(new Error("not a file"), notAFile);
          return { path, text: fromBase64(data.content), sha: data.sha };
        }),
      ),
    getBlob: (sha) =>
      call(`read blob ${sha}`, async ({ rest }) => {
        const { data } = await rest.git.getBlob({ ...repository, file_sha: sha });
        return data.encoding === "base64" ? fromBase64(data.content) : data.content;
      }),
    commitFiles: ({ parent, message, changes, author }) =>
      call("write a commit", async ({ rest }) => {
        const base = await rest.git.getCommit({ ...repository, commit_sha: parent });
        const { data: tree } = await rest.git.createTree({
          ...repository,
          base_tree: base.data.tree.sha,
          tree: changes.map(toTreeEntry),
        });
        const { data } = await rest.git.createCommit({
          ...repository,
          message,
          tree: tree.sha,
          parents: [parent],
          ...(author === undefined ? {} : { author }),
        });
        return fromWire(data);
      }),
    compare: (base, head) =>
      call(`compare ${base} with ${head}`, async ({ rest }) => {
        const { data } = await rest.repos.compareCommitsWithBasehead({ ...repository, basehead: `${base}...${head}` });
        return {
          aheadBy: data.ahead_by,
          behindBy: data.behind_by,
          paths: (data.files ?? []).map(({ filename }) => filename),
        };
      }),
  };
  return refs;
}

const notAFile = { status: 404, response: { headers: {}, data: { message: "not a file" } } };

const fromBase64 = (text: string): string => Buffer.from(text, "base64").toString("utf8");

function toTreeEntry({ path, content }: TreeChange) {
  const entry = { path, mode: "100644", type: "blob" } as const;
  return content === null ? { ...entry, sha: null } : { ...entry, content };
}

type WireCommit = {
  readonly sha: string;
  readonly tree: { readonly sha: string };
  readonly parents: readonly { readonly sha: string }[];
  readonly message: string;
};

function fromWire({ sha, tree, parents, message }: WireCommit): Commit {
  return { sha, tree: tree.sha, parents: parents.map((parent) => parent.sha), message };
}
