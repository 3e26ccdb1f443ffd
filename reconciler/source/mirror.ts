import { existsSync } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { NebulaError, resolveSafely, type Secret, safeUrl, type UrlPolicy } from "../../platform/core/index.ts";
import {
  type Git,
  gitUnreachable,
  initBare,
  makeGit,
  objectMissing,
  remoteRepositoryMissing,
} from "../../platform/git/index.ts";
import { isFault } from "../../platform/github/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import { makeTurns } from "./turns.ts";

/**
 * Bare mirrors of the tenant repositories in `<data>/mirror`. A cache: deleted or damaged ones are made again. One command at a
 * time fetches into a mirror; reading goes on beside it.
 */
export type Mirrors = {
  /** Newest commit of the default branch, undefined when there is none. Fetches. */
  fetchHead(repository: RepositoryRow, token: Secret): Promise<string | undefined>;
  /** Makes the head of a pull request readable, and the default branch fresh. The base is undefined when it has none. */
  fetchPull(
    repository: RepositoryRow,
    token: Secret,
    pull: { readonly number: number; readonly sha: string },
  ): Promise<{ readonly base: string | undefined }>;
  /** Throws a damaged mirror away; the next fetch makes it again. */
  rebuild(repository: RepositoryRow): Promise<void>;
  /** For reading. */
  of(repository: RepositoryRow): Git;
  close(): void;
};

/** `policy`: what may be fetched from. Default: https from public addresses, and this machine, for the embedded forge. */
export function makeMirrors(folder: string, policy: UrlPolicy = { inside: ["127.0.0.1"] }): Mirrors {
  const open = new Map<string, Git>();
  const turns = makeTurns();

  const of = ({ id }: RepositoryRow): Git => {
    const found = open.get(id) ?? makeGit(join(folder, `${id}.git`));
    open.set(id, found);
    return found;
  };

  /** What reads from a folder that is gone reads nothing. */
  const forget = ({ id }: RepositoryRow): void => {
    open.get(id)?.close();
    open.delete(id);
  };

  /** From the address that was judged: what the name resolves to in another moment is not asked. */
  const fetchInto = async (git: Git, { gitUrl }: RepositoryRow, token: Secret, refspecs: readonly string[]) => {
    const url = safeUrl(gitUrl, policy);
    const addresses = await resolveSafely(url, policy).catch((thrown: unknown) => {
      if (thrown instanceof NebulaError) throw thrown;
      throw gitUnreachable(`${url.host} has no address: ${String(thrown)}`, { cause: thrown });
    });
    await git.fetch(url.href, refspecs, { token, addresses: addresses.map(({ address }) => address) });
  };

  /** One after the other, in a mirror that exists. */
  const inTurn = <T>(repository: RepositoryRow, work: (git: Git) => Promise<T>): Promise<T> =>
    turns(repository.id, async () => {
      if (!existsSync(join(of(repository).dir, "HEAD"))) {
        forget(repository);
        // every tenant's declarations: for no server's user to read
        await mkdir(folder, { recursive: true });
        await chmod(folder, 0o700);
        await initBare(of(repository).dir, repository.defaultBranch);
      }
      return work(of(repository));
    });

  return {
    of,
    fetchHead: (repository, token) =>
      inTurn(repository, async (git) => {
        const ref = headRef(repository);
        try {
          await fetchInto(git, repository, token, [`+${ref}:${ref}`]);
        } catch (thrown) {
          // An empty repository has no such branch; one that is not there at all has not either. Both stop everything.
          if (isFault(thrown, remoteRepositoryMissing)) return undefined;
          throw thrown;
        }
        return git.revParse(ref, "commit");
      }),
    fetchPull: (repository, token, { number, sha }) =>
      inTurn(repository, async (git) => {
        const [ref, own] = [headRef(repository), `refs/nebula/pulls/${number}`];
        const fetch = (head: string) =>
          fetchInto(git, repository, token, [`+${ref}:${ref}`, ...(head === "" ? [] : [`+${head}:${own}`])]);
        const isHere = async () => (await git.typeOf(sha)) === "commit";
        await fetch((await isHere()) ? "" : sha).catch((thrown) => {
          if (isFault(thrown, gitUnreachable)) throw thrown;
          return fetch(`refs/pull/${number}/head`); // a host that gives out references only
        });
        if (!(await isHere())) throw objectMissing(`commit ${sha} of pull request ${number} is gone`);
        return { base: await git.revParse(ref, "commit") };
      }),
    rebuild: (repository) =>
      inTurn(repository, async (git) => {
        forget(repository);
        await rm(git.dir, { recursive: true, force: true });
      }),
    close() {
      for (const git of open.values()) git.close();
      open.clear();
    },
  };
}

const headRef = ({ defaultBranch }: RepositoryRow): string => `refs/heads/${defaultBranch}`;
