import { type FileSet, type Inputs, type ProjectInputs, repositoryInputs } from "../../platform/evaluate/index.ts";
import type { Git, TreeEntry } from "../../platform/git/index.ts";
import { type StackName, specHash } from "../../platform/spec/index.ts";

export type DeclaredProject = ProjectInputs & { readonly stack: StackName };

/** What one tree declares, without having read a text: names and hashes only. */
export type Snapshot = {
  readonly projects: ReadonlyMap<StackName, DeclaredProject>;
  /** Tenants that have a tenant.ts. */
  readonly tenants: ReadonlyMap<string, Inputs>;
  readonly fleet: Inputs | null;
  /** Hash of what fleet and tenants are read from. */
  readonly authorityHash: string;
  /** Plain files below tenants/ and their hashes, by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Everything below tenants/ with its mode, links and submodules too: they are never followed. */
  readonly modes: ReadonlyMap<string, string>;
};

export const declarationsFolder = "tenants";

/** Reads the listing of a commit or tree: one git command, however many projects there are. */
export async function readSnapshot(git: Git, tree: string): Promise<Snapshot> {
  return snapshotOf(await git.lsTree(tree, declarationsFolder, { recursive: true }));
}

export function snapshotOf(entries: readonly TreeEntry[]): Snapshot {
  const plain = entries.filter(({ type, mode }) => type === "blob" && mode !== "120000");
  const { projects, tenants, fleet } = repositoryInputs(entries);
  const declared = [...tenants].filter(([tenant, { files }]) =>
    files.some(({ path }) => path === `${declarationsFolder}/${tenant}/tenant.ts`),
  );
  return {
    projects: new Map([...projects].map(([stack, inputs]) => [stack, { ...inputs, stack }])),
    tenants: new Map(declared),
    fleet,
    authorityHash: specHash([
      fleet?.treeHash ?? "",
      ...declared.map(([tenant, { treeHash }]) => `${tenant} ${treeHash}`).sort(),
    ]),
    files: new Map(plain.map(({ path, hash }) => [path, hash])),
    modes: new Map(entries.map(({ path, mode }) => [path, mode])),
  };
}

/** The texts of these paths, by one batch of git. */
export async function readFiles(git: Git, snapshot: Snapshot, paths: Iterable<string>): Promise<FileSet> {
  const wanted = [...new Set(paths)].flatMap((path) => {
    const hash = snapshot.files.get(path);
    return hash === undefined ? [] : [[path, hash] as const];
  });
  const contents = await git.catFiles(wanted.map(([, hash]) => hash));
  return new Map(wanted.map(([path, hash]) => [path, contents.get(hash)?.toString("utf8") ?? ""]));
}

export const pathsOf = ({ files }: Inputs): readonly string[] => files.map(({ path }) => path);
