import { describe, expect } from "vitest";
import { commitOn, newRepository, openPull, protection, tip } from "./fixtures.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

export function repositories({ bench, test }: Suite): void {
  describe("repositories, branches and rules", () => {
    test("says what it is", async () => {
      const { as, target } = bench();
      await as.admin.meta.root();
      await as.admin.meta.get();
      const { data } = await as.admin.rateLimit.get();
      expect(data.rate.remaining).toBeLessThanOrEqual(data.rate.limit);
      expect((await as.admin.users.getAuthenticated()).data.login).toMatch(/./);
      expect((await refusal(as.installation.users.getAuthenticated())).status).toBe(403);
      const { data: user } = await as.admin.users.getAuthenticated();
      expect((await as.admin.users.getByUsername({ username: user.login })).data.id).toBe(user.id);
      expect((await refusal(as.admin.users.getByUsername({ username: `${target.owner}-nobody-at-all` }))).status).toBe(
        404,
      );
    });

    test("makes, reads and lists repositories", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      const { data } = await as.admin.repos.get(repo);
      expect(data).toMatchObject({ private: true, default_branch: "main", permissions: { admin: true, push: true } });
      const listed = await as.admin.paginate(as.admin.repos.listForOrg, { org: target.owner, per_page: 1 });
      expect(listed.map(({ name }) => name)).toContain(repo.repo);
      expect((await as.admin.repos.listForAuthenticatedUser()).status).toBe(200);
      const again = await refusal(as.admin.repos.createInOrg({ org: target.owner, name: repo.repo }));
      expect(again).toMatchObject({ status: 422, errors: [{ resource: "Repository", field: "name", code: "custom" }] });
      expect((await refusal(as.reviewer.repos.createInOrg({ org: target.owner, name: "no" }))).status).toBe(403);
      for (const name of ["", "..", "a/b", "x.git", "sp ace"])
        expect((await refusal(as.admin.repos.createInOrg({ org: target.owner, name }))).status).toBe(422);
    });

    test("hides what one may not see and refuses what one may not do", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      expect((await refusal(as.stranger.repos.get(repo))).status).toBe(404);
      expect((await refusal(as.nobody.repos.get(repo))).status).toBe(404);
      expect((await as.reader.repos.get(repo)).data.permissions).toMatchObject({ push: false, pull: true });
      const sha = await tip(as.reader, repo);
      const refused = await refusal(as.reader.git.createRef({ ...repo, ref: "refs/heads/x", sha }));
      expect(refused).toMatchObject({ status: 403, message: "Resource not accessible by personal access token" });
      expect((await refusal(as.reader.issues.createComment({ ...repo, issue_number: 1, body: "x" }))).status).toBe(403);
      expect((await refusal(as.reviewer.repos.listWebhooks(repo))).status).toBe(403);
      for (const name of ["%2e%2e", "a%2fb", "x\0", "-", "💥"])
        expect((await refusal(as.admin.repos.get({ owner: name, repo: name }))).status).toBe(404);
    });

    test("lists and reads branches", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      await commitOn(as.admin, repo, "feature/one", { "a.txt": "1\n" });
      const { data } = await as.admin.repos.listBranches(repo);
      expect(data.map(({ name }) => name)).toEqual(["feature/one", "main"]);
      const one = await as.admin.repos.getBranch({ ...repo, branch: "feature/one" });
      expect(one.data).toMatchObject({ name: "feature/one", protected: false });
      expect((await refusal(as.admin.repos.getBranch({ ...repo, branch: "none" }))).status).toBe(404);
    });

    test("keeps the rules of a branch", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const branch = { ...repo, branch: "main" };
      expect((await refusal(as.admin.repos.getBranchProtection(branch))).status).toBe(404);
      await as.admin.repos.updateBranchProtection({ ...branch, ...protection(["ci/a", "ci/b"]) });
      const { data } = await as.admin.repos.getBranchProtection(branch);
      expect(data.required_status_checks?.contexts).toEqual(["ci/a", "ci/b"]);
      expect(data.enforce_admins?.enabled).toBe(true);
      const seen = (await as.reader.repos.getBranch(branch)).data;
      expect(seen.protected).toBe(true);
      expect(seen.protection.required_status_checks?.contexts).toEqual(["ci/a", "ci/b"]);
      expect((await refusal(as.reviewer.repos.getBranchProtection(branch))).status).toBe(403);
      const wrong = { ...branch, ...protection([]), required_status_checks: { contexts: "ci" } } as never;
      expect((await refusal(as.admin.repos.updateBranchProtection(wrong))).status).toBe(422);
      await as.admin.repos.deleteBranchProtection(branch);
      expect((await as.admin.repos.getBranch(branch)).data.protected).toBe(false);
    });

    test("lets nobody move a protected branch past its rules by REST", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { sha } = await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      const before = await tip(as.admin, repo);
      await as.admin.repos.updateBranchProtection({ ...repo, branch: "main", ...protection(["ci/a"]) });
      const direct = await refusal(as.admin.git.updateRef({ ...repo, ref: "heads/main", sha }));
      expect(direct).toMatchObject({ status: 422, message: 'Required status check "ci/a" is expected.' });
      const content = Buffer.from("x").toString("base64");
      const put = as.admin.repos.createOrUpdateFileContents({ ...repo, path: "x", message: "m", content });
      expect([409, 422]).toContain((await refusal(put)).status);
      expect((await refusal(as.admin.git.deleteRef({ ...repo, ref: "heads/main" }))).status).toBe(422);
      expect(await tip(as.admin, repo)).toBe(before);
      await as.admin.repos.createCommitStatus({ ...repo, sha, context: "ci/a", state: "success" });
      await as.admin.git.updateRef({ ...repo, ref: "heads/main", sha });
      expect(await tip(as.admin, repo)).toBe(sha);
      const back = await refusal(as.admin.git.updateRef({ ...repo, ref: "heads/main", sha: before, force: true }));
      expect(back.status).toBe(422);
    });
  });
}
