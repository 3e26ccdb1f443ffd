import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Git, initBare, maintain, makeGit, requireGit } from "../../../platform/git/index.ts";
import type { Sql } from "../../../platform/sql/index.ts";
import { findRepository, type Repository } from "../store/repositories.ts";
import { postReceiveHook, updateHook } from "./receive-hooks.ts";
import { rememberingGit } from "./remember.ts";

/**
 * The bare repositories below `<data>/forge`, one git handle each.
 *
 * 1. A folder's name comes from the database row, whose names were checked when they were written; never from a request.
 * 2. Whoever moves a reference and then tells the database holds `exclusive` of that repository.
 */
export type Repositories = {
  readonly hooksDir: string;
  find(owner: string, name: string): Promise<Repository | undefined>;
  dir(repository: Repository): string;
  git(repository: Repository): Git;
  create(repository: Repository): Promise<void>;
  exclusive<T>(repository: Repository, body: () => Promise<T>): Promise<T>;
  /** Counts changes; every so often the repository is packed in the background. */
  noteChange(repository: Repository): void;
  close(): Promise<void>;
};

export async function openRepositories(dataDir: string, sql: Sql): Promise<Repositories> {
  await requireGit();
  const root = join(dataDir, "forge");
  const hooksDir = join(root, ".hooks");
  await writeHooks(hooksDir);
  const handles = new Map<number, Git>();
  const counts = new Map<number, number>();
  let packing: Promise<unknown> = Promise.resolve();
  const tails = new Map<number, Promise<unknown>>();
  const dir = (repository: Repository) => join(root, repository.owner.login, `${repository.name}.git`);
  return {
    hooksDir,
    find: (owner, name) =>
      isOwnerName(owner) && isRepositoryName(name) ? findRepository(sql, owner, name) : Promise.resolve(undefined),
    dir,
    git(repository) {
      const git = handles.get(repository.id) ?? rememberingGit(makeGit(dir(repository)));
      handles.set(repository.id, git);
      return git;
    },
    async create(repository) {
      await mkdir(join(root, repository.owner.login), { recursive: true });
      await initBare(dir(repository), repository.defaultBranch);
    },
    exclusive(repository, body) {
      const tail = tails.get(repository.id) ?? Promise.resolve();
      const run = tail.then(body, body);
      const settled = run.catch(() => undefined);
      tails.set(repository.id, settled);
      void settled.then(() => {
        if (tails.get(repository.id) === settled) tails.delete(repository.id);
      });
      return run;
    },
    noteChange(repository) {
      const changes = (counts.get(repository.id) ?? 0) + 1;
      counts.set(repository.id, changes % changesPerPacking);
      // A packing that fails is tried again later; nothing depends on it.
      if (changes === changesPerPacking) packing = packing.then(() => maintain(dir(repository))).catch(() => undefined);
    },
    async close() {
      await packing;
      for (const git of handles.values()) git.close();
      handles.clear();
    },
  };
}

async function writeHooks(hooksDir: string): Promise<void> {
  await mkdir(hooksDir, { recursive: true });
  for (const [name, text] of [
    ["update", updateHook],
    ["post-receive", postReceiveHook],
  ] as const) {
    await writeFile(join(hooksDir, name), text);
    await chmod(join(hooksDir, name), 0o755);
  }
}

const changesPerPacking = 500;

/** Names that are also part of the forge's own addresses. */
const reserved = new Set(["api", "avatars", "apps", "organizations", "login", "settings", "health"]);

export const isOwnerName = (name: string): boolean =>
  /^[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}$/.test(name) && !reserved.has(name.toLowerCase());

export const isRepositoryName = (name: string): boolean =>
  /^[A-Za-z0-9._-]{1,100}$/.test(name) && !/^\.{1,2}$|\.(git|wiki)$/i.test(name);
