import { describe, expect } from "vitest";
import { commitOn, newRepository, openPull, protection, tip } from "./fixtures.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

export function pulls({ bench, test }: Suite): void {
  describe("pull requests", () => {
    test("opens, shows, edits and lists them", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      const { number, sha, data } = await openPull(as.admin, repo, "feature/a", { "a.txt": "1\n2\n" }, "Add a");
      expect(data).toMatchObject({
        state: "open",
        merged: false,
        head: { ref: "feature/a", sha },
        base: { ref: "main" },
      });
      const got = (await as.reader.pulls.get({ ...repo, pull_number: number })).data;
      expect(got).toMatchObject({
        mergeable: true,
        mergeable_state: "clean",
        commits: 1,
        additions: 2,
        changed_files: 1,
      });
      await as.admin.pulls.update({ ...repo, pull_number: number, title: "Add a file", body: "why" });
      expect((await as.admin.pulls.get({ ...repo, pull_number: number })).data).toMatchObject({
        title: "Add a file",
        body: "why",
      });
      const files = (await as.admin.pulls.listFiles({ ...repo, pull_number: number })).data;
      expect(files).toMatchObject([
        { filename: "a.txt", status: "added", additions: 2, patch: "@@ -0,0 +1,2 @@\n+1\n+2" },
      ]);
      expect((await as.admin.pulls.listCommits({ ...repo, pull_number: number })).data.map((one) => one.sha)).toEqual([
        sha,
      ]);
      await openPull(as.reviewer, repo, "feature/b", { "b.txt": "1\n" });
      const numbers = async (filter: object) =>
        (await as.admin.pulls.list({ ...repo, ...filter })).data.map((pull) => pull.number);
      expect(await numbers({})).toEqual([number + 1, number]);
      expect(await numbers({ direction: "asc" })).toEqual([number, number + 1]);
      expect(await numbers({ head: `${target.owner}:feature/b` })).toEqual([number + 1]);
      expect(await numbers({ head: "somebody:feature/b" })).toEqual([]);
      expect(await numbers({ base: "none" })).toEqual([]);
      await as.admin.pulls.update({ ...repo, pull_number: number, state: "closed" });
      expect(await numbers({ state: "closed" })).toEqual([number]);
      expect(await numbers({ state: "all", sort: "created", direction: "asc" })).toEqual([number, number + 1]);
      await as.admin.pulls.update({ ...repo, pull_number: number, state: "open" });
      expect(await numbers({ direction: "asc" })).toEqual([number, number + 1]);
    });

    test("refuses those that make no sense", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      const create = (changes: object) =>
        refusal(as.admin.pulls.create({ ...repo, title: "T", head: "work", base: "main", ...changes }));
      const twice = await create({});
      expect(twice).toMatchObject({ status: 422, message: "Validation Failed" });
      expect(JSON.stringify(twice.errors)).toContain("A pull request already exists for");
      expect((await create({ head: "none" })).errors).toMatchObject([
        { resource: "PullRequest", field: "head", code: "invalid" },
      ]);
      expect((await create({ base: "none" })).errors).toMatchObject([
        { resource: "PullRequest", field: "base", code: "invalid" },
      ]);
      expect(JSON.stringify((await create({ head: "main" })).errors)).toContain("No commits between main and main");
      expect((await create({ title: "" })).status).toBe(422);
      expect((await refusal(as.admin.pulls.get({ ...repo, pull_number: 99 }))).status).toBe(404);
      expect((await refusal(as.reader.pulls.create({ ...repo, title: "T", head: "work", base: "main" }))).status).toBe(
        403,
      );
    });

    for (const method of ["merge", "squash", "rebase"] as const)
      test(`merges by ${method}`, async () => {
        const { as, target } = bench();
        const repo = await newRepository(bench());
        const base = await tip(as.admin, repo);
        await commitOn(as.admin, repo, "work", { "a.txt": "1\n" }, { message: "First" });
        const { number, sha } = await openPull(as.admin, repo, "work", { "b.txt": "2\n" }, "The title");
        const other = await commitOn(as.admin, repo, "main", { "c.txt": "3\n" });
        const done = await as.reviewer.pulls.merge({ ...repo, pull_number: number, merge_method: method, sha });
        expect(done.data).toMatchObject({ merged: true });
        const commit = (await as.admin.git.getCommit({ ...repo, commit_sha: done.data.sha })).data;
        expect(await tip(as.admin, repo)).toBe(done.data.sha);
        const parents = commit.parents.map((parent) => parent.sha);
        if (method === "merge") {
          expect(parents).toEqual([other, sha]);
          expect(commit.message).toBe(`Merge pull request #${number} from ${target.owner}/work\n\nThe title`);
        }
        if (method === "squash") {
          expect(parents).toEqual([other]);
          expect(commit.message).toBe(`The title (#${number})\n\n* First\n\n* Change b.txt`);
        }
        if (method === "rebase") {
          expect(commit.message).toBe("Change b.txt");
          const before = (await as.admin.git.getCommit({ ...repo, commit_sha: parents[0] ?? "" })).data;
          expect([before.message, before.parents[0]?.sha]).toEqual(["First", other]);
        }
        const names = (await as.admin.repos.getContent({ ...repo, path: "" })).data as { name: string }[];
        expect(names.map(({ name }) => name)).toEqual(["README.md", "a.txt", "b.txt", "c.txt"]);
        const pull = (await as.admin.pulls.get({ ...repo, pull_number: number })).data;
        expect(pull).toMatchObject({ state: "closed", merged: true, merge_commit_sha: done.data.sha });
        expect((await as.admin.pulls.checkIfMerged({ ...repo, pull_number: number })).status).toBe(204);
        expect((await as.admin.pulls.listFiles({ ...repo, pull_number: number })).data).toHaveLength(2);
        const again = await refusal(as.admin.pulls.merge({ ...repo, pull_number: number }));
        expect(again.status).toBe(405);
        expect(base).not.toBe(other);
      });

    test("does not merge a conflict, nor a head that moved", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { number, sha } = await openPull(as.admin, repo, "work", { "README.md": "mine\n" });
      await commitOn(as.admin, repo, "main", { "README.md": "yours\n" });
      const pull_number = number;
      expect((await as.admin.pulls.get({ ...repo, pull_number })).data).toMatchObject({
        mergeable: false,
        mergeable_state: "dirty",
      });
      for (const merge_method of ["merge", "squash", "rebase"] as const)
        expect((await refusal(as.admin.pulls.merge({ ...repo, pull_number, merge_method }))).status).toBe(405);
      expect((await refusal(as.admin.pulls.updateBranch({ ...repo, pull_number }))).status).toBe(422);
      const second = await commitOn(as.admin, repo, "work", { "README.md": "yours\n" });
      const stale = await refusal(as.admin.pulls.merge({ ...repo, pull_number, sha }));
      expect(stale).toMatchObject({
        status: 409,
        message: "Head branch was modified. Review and try the merge again.",
      });
      expect((await as.admin.pulls.get({ ...repo, pull_number })).data.head.sha).toBe(second);
      expect((await refusal(as.admin.pulls.checkIfMerged({ ...repo, pull_number }))).status).toBe(404);
      expect((await refusal(as.reader.pulls.merge({ ...repo, pull_number }))).status).toBe(403);
    });

    test("merges only when every required status is there and good", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      const { number: pull_number, sha } = await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      const checks = [{ context: "app/check", app_id: target.app.id }];
      const rules = protection(["ci/a", "ci/b"], {
        required_status_checks: { strict: false, contexts: ["ci/a", "ci/b"], checks },
      });
      // One list at a time, as GitHub wants it.
      rules.required_status_checks = {
        strict: false,
        checks: [{ context: "ci/a" }, { context: "ci/b" }, ...checks],
      } as never;
      await as.admin.repos.updateBranchProtection({ ...repo, branch: "main", ...rules });
      const merge = () => as.admin.pulls.merge({ ...repo, pull_number });
      const status = (context: string, state: "success" | "failure" | "pending") =>
        as.admin.repos.createCommitStatus({ ...repo, sha, context, state });
      expect(await refusal(merge())).toMatchObject({
        status: 405,
        message: "3 of 3 required status checks are expected.",
      });
      expect((await as.admin.pulls.get({ ...repo, pull_number })).data.mergeable_state).toBe("blocked");
      await status("ci/a", "success");
      await status("ci/b", "failure");
      await status("app/check", "success");
      expect((await refusal(merge())).message).toBe(
        "2 of 3 required status checks have not succeeded: 1 expected, 1 failing.",
      );
      await status("ci/b", "success");
      expect((await refusal(merge())).message).toBe('Required status check "app/check" is expected.');
      const run = { ...repo, head_sha: sha, name: "app/check" };
      const check = await as.installation.checks.create({ ...run, status: "in_progress" });
      expect((await refusal(merge())).message).toBe('Required status check "app/check" is pending.');
      await as.installation.checks.update({ ...repo, check_run_id: check.data.id, conclusion: "neutral" });
      // The commit status of the same name came from somebody else than the app: it does not count.
      expect((await merge()).data.merged).toBe(true);
    });

    test("wants an up to date branch where the rules are strict, and brings it up to date", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { number: pull_number, sha } = await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      expect((await refusal(as.admin.pulls.updateBranch({ ...repo, pull_number }))).status).toBe(422);
      await commitOn(as.admin, repo, "main", { "b.txt": "1\n" });
      const rules = protection([], { required_status_checks: { strict: true, contexts: [] } });
      await as.admin.repos.updateBranchProtection({ ...repo, branch: "main", ...rules });
      expect((await refusal(as.admin.pulls.merge({ ...repo, pull_number }))).status).toBe(405);
      const wrong = as.admin.pulls.updateBranch({ ...repo, pull_number, expected_head_sha: "1".repeat(40) });
      expect((await refusal(wrong)).status).toBe(422);
      expect((await as.admin.pulls.updateBranch({ ...repo, pull_number, expected_head_sha: sha })).status).toBe(202);
      expect((await as.admin.pulls.get({ ...repo, pull_number })).data.commits).toBe(2);
      expect((await as.admin.pulls.merge({ ...repo, pull_number })).data.merged).toBe(true);
    });

    test("counts reviews, and nobody approves what they wrote", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { number: pull_number } = await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      const rules = protection([], {
        required_status_checks: null,
        required_pull_request_reviews: { required_approving_review_count: 1, dismiss_stale_reviews: true },
      });
      await as.admin.repos.updateBranchProtection({ ...repo, branch: "main", ...rules });
      const own = as.admin.pulls.createReview({ ...repo, pull_number, event: "APPROVE" });
      expect((await refusal(own)).status).toBe(422);
      expect((await refusal(as.admin.pulls.merge({ ...repo, pull_number }))).status).toBe(405);
      await as.reviewer.pulls.createReview({ ...repo, pull_number, event: "APPROVE", body: "good" });
      const sha = await commitOn(as.admin, repo, "work", { "a.txt": "2\n" });
      expect((await refusal(as.admin.pulls.merge({ ...repo, pull_number, sha }))).status).toBe(405);
      await as.reviewer.pulls.createReview({ ...repo, pull_number, event: "APPROVE" });
      expect((await as.admin.pulls.listReviews({ ...repo, pull_number })).data).toHaveLength(2);
      expect((await as.admin.pulls.merge({ ...repo, pull_number, sha })).data.merged).toBe(true);
    });

    test("follows its branches, whoever moves them", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const first = await openPull(as.admin, repo, "one", { "a.txt": "1\n" });
      const second = await commitOn(as.admin, repo, "one", { "a.txt": "2\n" });
      const head = await as.admin.git.getRef({ ...repo, ref: `pull/${first.number}/head` });
      expect(head.data.object.sha).toBe(second);
      const gone = await openPull(as.admin, repo, "two", { "b.txt": "1\n" });
      await as.admin.git.deleteRef({ ...repo, ref: "heads/two" });
      const closed = (await as.admin.pulls.get({ ...repo, pull_number: gone.number })).data;
      expect(closed).toMatchObject({ state: "closed", merged: false, head: { sha: gone.sha } });
      const reopen = as.admin.pulls.update({ ...repo, pull_number: gone.number, state: "open" });
      expect((await refusal(reopen)).status).toBe(422);
      await as.admin.git.updateRef({ ...repo, ref: "heads/main", sha: second });
      const merged = (await as.admin.pulls.get({ ...repo, pull_number: first.number })).data;
      expect(merged).toMatchObject({ state: "closed", merged: true, merge_commit_sha: second });
      const own = await refusal(
        as.admin.git.updateRef({ ...repo, ref: `pull/${first.number}/head`, sha: gone.sha, force: true }),
      );
      expect(own.status).toBe(422);
    });

    test("gives pages whose links lead through everything once", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { number } = await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      for (let i = 0; i < 7; i++) await as.admin.issues.createComment({ ...repo, issue_number: number, body: `n${i}` });
      const page = await as.admin.issues.listComments({ ...repo, issue_number: number, per_page: 3, page: 2 });
      for (const rel of ["prev", "next", "last", "first"]) expect(page.headers.link).toContain(`rel="${rel}"`);
      const all = await as.admin.paginate(as.admin.issues.listComments, { ...repo, issue_number: number, per_page: 3 });
      expect(all.map(({ body }) => body)).toEqual(["n0", "n1", "n2", "n3", "n4", "n5", "n6"]);
      const whole = await as.admin.issues.listComments({ ...repo, issue_number: number });
      expect(whole.headers.link).toBeUndefined();
    });
  });
}
