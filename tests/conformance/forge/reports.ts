import { describe, expect } from "vitest";
import { newRepository, openPull, tip } from "./fixtures.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

export function reports({ bench, test }: Suite): void {
  describe("comments, statuses, check runs and deployments", () => {
    test("keeps the conversation of a pull request", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { number: issue_number } = await openPull(as.admin, repo, "work", { "a.txt": "1\n" });
      const made = await as.installation.issues.createComment({ ...repo, issue_number, body: "plan" });
      expect(made.data.user?.login).toMatch(/\[bot\]$/);
      const comment_id = made.data.id;
      await as.installation.issues.updateComment({ ...repo, comment_id, body: "plan 2" });
      expect((await as.admin.issues.getComment({ ...repo, comment_id })).data.body).toBe("plan 2");
      const foreign = as.reviewer.issues.updateComment({ ...repo, comment_id, body: "mine now" });
      expect((await refusal(foreign)).status).toBe(403);
      expect((await refusal(as.admin.issues.createComment({ ...repo, issue_number, body: "" }))).status).toBe(422);
      expect((await refusal(as.admin.issues.createComment({ ...repo, issue_number: 99, body: "x" }))).status).toBe(404);
      await as.installation.issues.deleteComment({ ...repo, comment_id });
      expect((await as.admin.issues.listComments({ ...repo, issue_number })).data).toEqual([]);
      expect((await refusal(as.admin.issues.getComment({ ...repo, comment_id }))).status).toBe(404);
    });

    test("combines the newest status of each context", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const sha = await tip(as.admin, repo);
      const combined = async () => (await as.reader.repos.getCombinedStatusForRef({ ...repo, ref: "main" })).data;
      expect(await combined()).toMatchObject({ state: "pending", total_count: 0 });
      const set = (context: string, state: "success" | "failure" | "pending" | "error") =>
        as.admin.repos.createCommitStatus({
          ...repo,
          sha,
          context,
          state,
          description: "d",
          target_url: "https://x.test/1",
        });
      await set("a", "failure");
      await set("a", "success");
      expect(await combined()).toMatchObject({ state: "success", total_count: 1 });
      await set("b", "pending");
      expect((await combined()).state).toBe("pending");
      await set("b", "error");
      expect((await combined()).state).toBe("failure");
      const { data } = await as.admin.repos.listCommitStatusesForRef({ ...repo, ref: sha });
      expect(data.map(({ context, state }) => `${context} ${state}`)).toEqual([
        "b error",
        "b pending",
        "a success",
        "a failure",
      ]);
      const bad = (changes: object) =>
        refusal(as.admin.repos.createCommitStatus({ ...repo, sha, state: "success", ...changes } as never));
      expect((await bad({ state: "fine" })).status).toBe(422);
      expect((await bad({ description: "x".repeat(141) })).status).toBe(422);
      expect((await bad({ sha: "1".repeat(40) })).message).toContain("No commit found for SHA");
      expect((await refusal(as.reader.repos.createCommitStatus({ ...repo, sha, state: "success" }))).status).toBe(403);
    });

    test("takes check runs from Apps only, with annotations fifty at a time", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const head_sha = await tip(as.admin, repo);
      const refused = await refusal(as.reviewer.checks.create({ ...repo, name: "lint", head_sha }));
      expect(refused.status).toBe(403);
      expect((await refusal(as.admin.checks.create({ ...repo, name: "lint", head_sha }))).status).toBe(403);
      const note = (n: number) => ({
        ...{ path: "README.md", start_line: n, end_line: n, annotation_level: "failure" as const, message: `m${n}` },
      });
      const notes = Array.from({ length: 50 }, (_, i) => note(i + 1));
      const output = (annotations: typeof notes) => ({ title: "t", summary: "s", annotations });
      const run = await as.installation.checks.create({
        ...repo,
        name: "lint",
        head_sha,
        status: "in_progress",
        output: output(notes),
      });
      const check_run_id = run.data.id;
      const many = as.installation.checks.update({ ...repo, check_run_id, output: output([...notes, note(51)]) });
      expect((await refusal(many)).status).toBe(422);
      await as.installation.checks.update({ ...repo, check_run_id, output: output([note(51)]), conclusion: "failure" });
      const got = (await as.admin.checks.get({ ...repo, check_run_id })).data;
      expect(got).toMatchObject({ status: "completed", conclusion: "failure", output: { annotations_count: 51 } });
      const all = await as.admin.paginate(as.admin.checks.listAnnotations, { ...repo, check_run_id, per_page: 50 });
      expect(all.map(({ message }) => message)).toHaveLength(51);
      await as.installation.checks.create({ ...repo, name: "lint", head_sha, conclusion: "success" });
      const latest = (await as.admin.checks.listForRef({ ...repo, ref: "main" })).data;
      expect(latest.check_runs.map(({ conclusion }) => conclusion)).toEqual(["success"]);
      expect((await as.admin.checks.listForRef({ ...repo, ref: "main", filter: "all" })).data.total_count).toBe(2);
      const unfinished = as.installation.checks.create({ ...repo, name: "x", head_sha, status: "completed" } as never);
      expect((await refusal(unfinished)).status).toBe(422);
    });

    test("keeps deployments and retires the earlier ones of an environment", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const make = (changes: object = {}) =>
        as.admin.repos.createDeployment({
          ...repo,
          ref: "main",
          environment: "shop.store",
          required_contexts: [],
          ...changes,
        });
      const first = (await make({ description: "one", payload: { commit: "x" } })) as {
        data: { id: number; payload: unknown };
      };
      expect(first.data).toMatchObject({ environment: "shop.store", payload: { commit: "x" } });
      const second = (await make()) as { data: { id: number } };
      const say = (deployment_id: number, state: "in_progress" | "success") =>
        as.admin.repos.createDeploymentStatus({
          ...repo,
          deployment_id,
          state,
          log_url: "https://x.test/log",
          description: "d",
        });
      await say(first.data.id, "in_progress");
      await say(first.data.id, "success");
      await say(second.data.id, "success");
      const states = await as.reader.repos
        .listDeploymentStatuses({ ...repo, deployment_id: first.data.id })
        .catch(() => undefined);
      const seen = states ?? (await as.admin.repos.listDeploymentStatuses({ ...repo, deployment_id: first.data.id }));
      expect(seen.data.map(({ state }) => state)).toEqual(["inactive", "success", "in_progress"]);
      const listed = (await as.admin.repos.listDeployments({ ...repo, environment: "shop.store" })).data;
      expect(listed.map(({ id }) => id)).toEqual([second.data.id, first.data.id]);
      expect((await as.admin.repos.getDeployment({ ...repo, deployment_id: first.data.id })).data.id).toBe(
        first.data.id,
      );
      expect((await refusal(make({ ref: "none" }))).status).toBe(422);
      const sha = await tip(as.admin, repo);
      await as.admin.repos.createCommitStatus({ ...repo, sha, context: "ci", state: "pending" });
      expect((await refusal(make({ required_contexts: ["ci"] }))).status).toBe(409);
    });
  });
}
