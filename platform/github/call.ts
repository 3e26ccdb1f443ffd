import type { Octokit } from "@octokit/rest";
import { githubNotFound, githubUnavailable, isLate, translateGitHubError } from "./errors.ts";

/** Runs one piece of work against the host; whatever it throws comes out translated. */
export type Call = <T>(doing: string, work: (octokit: Octokit) => Promise<T>) => Promise<T>;

export type Repository = { readonly owner: string; readonly repo: string };

/** For requests that would make a second thing when a lost answer is asked for again. */
export const once = { retries: 0 } as const;

export function makeCall(connect: () => Promise<Octokit>): Call {
  let octokit: Promise<Octokit> | undefined;
  return async (doing, work) => {
    octokit ??= connect();
    try {
      return await work(await octokit);
    } catch (thrown) {
      throw translateGitHubError(doing, thrown);
    }
  };
}

/**
 * Makes a thing once although an answer may get lost: before anything is sent again it is looked for. After a time-out nothing is
 * sent again at all, for the host may still be at it; whoever asks next finds it.
 * @param make must send its creating request with `once`.
 */
export async function findOrMake<T>(find: () => Promise<T | undefined>, make: () => Promise<T>): Promise<T> {
  for (let again = 0; ; again++) {
    try {
      return await make();
    } catch (thrown) {
      if (!isFault(thrown, githubUnavailable)) throw thrown;
      const found = await find().catch(() => undefined);
      if (found !== undefined) return found;
      if (again === lostTries || isLate(thrown)) throw thrown;
    }
  }
}

const lostTries = 2;

/** undefined instead of NEB682. */
export async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (isFault(thrown, githubNotFound)) return undefined;
    throw thrown;
  }
}

export function isFault(thrown: unknown, fault: { readonly definition: { readonly code: string } }): boolean {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && thrown.code === fault.definition.code;
}
