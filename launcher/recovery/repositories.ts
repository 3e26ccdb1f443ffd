/**
 * The forge's git repositories in backups: a mirror that is fetched into now and then, or a bundle each. Taken after the ledger, so
 * that every commit that the ledger speaks of is there; a commit more does no harm, for the declarations are read from Git anyway.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { initBare, runGit } from "../../platform/git/index.ts";
import { backupImpossible } from "./errors.ts";

export type Kept = { readonly name: string; readonly bundle: string | null; readonly head: string };

const everything = "+refs/*:refs/*";

/** Names `owner/repository` below a folder of bare repositories. */
export function repositoriesIn(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((owner) => owner.isDirectory() && !owner.name.startsWith("."))
    .flatMap((owner) =>
      readdirSync(join(root, owner.name))
        .filter((name) => name.endsWith(".git"))
        .map((name) => `${owner.name}/${name.slice(0, -".git".length)}`),
    )
    .sort();
}

export const repositoryPath = (root: string, name: string): string => join(root, `${name}.git`);

/** A bundle of each below `<target>`. An empty repository has none. */
export async function bundleRepositories(root: string, target: string, folder: string): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const name of repositoriesIn(root)) {
    const source = repositoryPath(root, name);
    const head = await headOf(source);
    if ((await refsOf(source)) === "") {
      kept.push({ name, bundle: null, head });
      continue;
    }
    const bundle = join(folder, `${name}.bundle`);
    mkdirSync(dirname(join(target, bundle)), { recursive: true, mode: 0o700 });
    await runGit(source, ["bundle", "create", "--quiet", join(target, bundle), "--all"], { timeoutMs: 600_000 });
    kept.push({ name, bundle, head });
  }
  return kept;
}

/** Brings the mirrors below `target` to what `root` has. What was deleted there is kept here: a mirror is a backup. */
export async function mirrorRepositories(root: string, target: string): Promise<number> {
  let fetched = 0;
  for (const name of repositoriesIn(root)) {
    const [source, mirror] = [repositoryPath(root, name), repositoryPath(target, name)];
    const refs = await refsOf(source);
    if (refs === "") continue;
    const known = existsSync(mirror) ? new Set((await refsOf(mirror)).split("\n")) : new Set<string>();
    if (refs.split("\n").every((line) => known.has(line))) continue;
    await initBare(mirror, (await headOf(source)).replace(/^refs\/heads\//, ""));
    await fetchAll(mirror, source);
    fetched++;
  }
  return fetched;
}

/** From a bundle or a mirror into a repository that may be there already: what it has of its own stays. */
export async function restoreRepository(source: string, root: string, name: string, head: string): Promise<boolean> {
  const target = repositoryPath(root, name);
  if (existsSync(target) && (await refsOf(target)) !== "") return false;
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  await initBare(target, head.replace(/^refs\/heads\//, ""));
  if (source !== "") await fetchAll(target, source);
  return true;
}

/** The declarations' repository from an address. @throws NEB37x as git says */
export const cloneRepository = async (address: string, root: string, name: string): Promise<void> => {
  const target = repositoryPath(root, name);
  await initBare(target, "main");
  await runGit(target, ["fetch", "--quiet", "--no-tags", "--end-of-options", address, "+refs/heads/*:refs/heads/*"], {
    timeoutMs: 600_000,
  });
  if ((await refsOf(target)) === "") throw backupImpossible(`${address} has no branch`);
};

export const headOf = async (dir: string): Promise<string> =>
  (await runGit(dir, ["symbolic-ref", "HEAD"])).stdout.toString("utf8").trim();

const fetchAll = (dir: string, source: string) =>
  runGit(dir, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", source, everything], {
    timeoutMs: 600_000,
  });

const refsOf = async (dir: string): Promise<string> =>
  (await runGit(dir, ["for-each-ref", "--format=%(objectname) %(refname)"])).stdout.toString("utf8").trim();
