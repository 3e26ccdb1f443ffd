import { type Call, orMissing, type Repository } from "./call.ts";
import type { Installation, RateBudget } from "./types.ts";

/** What is known of our own standing at the host. */
export type Standing = {
  /** Of this App on this repository; undefined when it is not installed there. Needs an App's credential. */
  installation(): Promise<Installation | undefined>;
  /** The App itself, which proves the key. */
  app(): Promise<{ readonly id: number; readonly slug: string; readonly url: string }>;
  rateBudget(): Promise<RateBudget>;
  /** The repository as the host names it, and its default branch. Undefined when it may not be seen. */
  describe(): Promise<{ readonly fullName: string; readonly defaultBranch: string; readonly url: string } | undefined>;
};

export function makeStanding(call: Call, repository: Repository): Standing {
  return {
    installation: () =>
      orMissing(
        call("find the App's installation", async ({ rest }) => {
          const { data } = await rest.apps.getRepoInstallation(repository);
          return {
            id: data.id,
            permissions: data.permissions as Readonly<Record<string, string>>,
            isSuspended: data.suspended_at !== null,
            url: data.html_url,
          };
        }),
      ),
    app: () =>
      call("read the App", async ({ rest }) => {
        const { data } = await rest.apps.getAuthenticated();
        if (data === null) throw new Error("the host answered without an App");
        return { id: data.id, slug: data.slug ?? String(data.id), url: data.html_url };
      }),
    rateBudget: () =>
      call("read the rate limit", async ({ rest }) => {
        const { limit, remaining, reset } = (await rest.rateLimit.get()).data.rate;
        return { limit, remaining, resetsAt: new Date(reset * 1000).toISOString() };
      }),
    describe: () =>
      orMissing(
        call("read the repository", async ({ rest }) => {
          const { data } = await rest.repos.get(repository);
          return { fullName: data.full_name, defaultBranch: data.default_branch, url: data.html_url };
        }),
      ),
  };
}
