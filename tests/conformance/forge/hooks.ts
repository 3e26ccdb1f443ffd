import { verify } from "@octokit/webhooks-methods";
import { describe, expect } from "vitest";
import { eventually } from "../../harness/eventually.ts";
import { commitOn, newRepository, openPull, type Repo } from "./fixtures.ts";
import { type Received, withReceiver } from "./receiver.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

const secret = "a secret of the hook";

export function hooks({ bench, test }: Suite): void {
  const hookOn = (repo: Repo, url: string, events: string[]) =>
    bench().as.admin.repos.createWebhook({ ...repo, events, config: { url, content_type: "json", secret } });
  /** The payload is as documented, and signed. */
  const inspect = async ({ event, payload, body, signature }: Received) => {
    expect(await verify(secret, body, signature)).toBe(true);
    const action = typeof payload.action === "string" ? `-${payload.action.replaceAll("_", "-")}` : "";
    expect(bench().judge.judgeEvent(`${event.replaceAll("_", "-")}${action}`, payload), `${event}${action}`).toEqual(
      [],
    );
  };

  describe("webhooks", () => {
    test("are made, shown without their secret, changed and deleted", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const { data } = await hookOn(repo, "http://127.0.0.1:1/hook", ["push"]);
      expect(data.config.secret).toBe("********");
      const hook_id = data.id;
      const twice = await refusal(hookOn(repo, "http://127.0.0.1:1/hook", ["push"]));
      expect(twice.status).toBe(422);
      const bad = await refusal(hookOn(repo, "ftp://x.test/", ["push"]));
      expect(bad.status).toBe(422);
      const changed = await as.admin.repos.updateWebhook({ ...repo, hook_id, add_events: ["status"], active: false });
      expect(changed.data).toMatchObject({ events: ["push", "status"], active: false });
      expect((await as.admin.repos.listWebhooks(repo)).data).toHaveLength(1);
      expect((await as.admin.repos.getWebhook({ ...repo, hook_id })).data.id).toBe(hook_id);
      await as.admin.repos.deleteWebhook({ ...repo, hook_id });
      expect((await refusal(as.admin.repos.getWebhook({ ...repo, hook_id }))).status).toBe(404);
    });

    test("tell of everything, signed, in order, with documented payloads", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      await withReceiver(async (receiver) => {
        const events = [
          "push",
          "pull_request",
          "issue_comment",
          "status",
          "check_run",
          "deployment",
          "deployment_status",
          "pull_request_review",
        ];
        await hookOn(repo, receiver.url, events);
        const { number, sha } = await openPull(as.admin, repo, "work", { "a.txt": "1\n", "d/b.txt": "2\n" });
        const pull_number = number;
        const second = await commitOn(as.admin, repo, "work", { "a.txt": "2\n" });
        await as.admin.pulls.update({ ...repo, pull_number, title: "Another" });
        const comment = await as.admin.issues.createComment({ ...repo, issue_number: number, body: "c" });
        await as.admin.issues.updateComment({ ...repo, comment_id: comment.data.id, body: "d" });
        await as.admin.issues.deleteComment({ ...repo, comment_id: comment.data.id });
        await as.reviewer.pulls.createReview({ ...repo, pull_number, event: "APPROVE" });
        await as.admin.repos.createCommitStatus({ ...repo, sha: second, context: "ci", state: "success" });
        await as.installation.checks.create({ ...repo, head_sha: second, name: "lint", conclusion: "success" });
        const deployment = await as.admin.repos.createDeployment({ ...repo, ref: "main", required_contexts: [] });
        const deployment_id = (deployment.data as { id: number }).id;
        await as.admin.repos.createDeploymentStatus({ ...repo, deployment_id, state: "success" });
        await as.admin.pulls.update({ ...repo, pull_number, state: "closed" });
        await as.admin.pulls.update({ ...repo, pull_number, state: "open" });
        await as.admin.pulls.merge({ ...repo, pull_number });
        await as.admin.git.deleteRef({ ...repo, ref: "heads/work" });
        const told = await eventually("all events", () => receiver.received.length >= 20 && receiver.received);
        expect(told.map(({ event, payload }) => [event, payload.action].filter(Boolean).join(" "))).toEqual([
          ...["ping", "push", "pull_request opened", "push", "pull_request synchronize", "pull_request edited"],
          ...[
            "issue_comment created",
            "issue_comment edited",
            "issue_comment deleted",
            "pull_request_review submitted",
          ],
          ...["status", "check_run created", "check_run completed", "deployment created", "deployment_status created"],
          ...["pull_request closed", "pull_request reopened", "pull_request closed", "push", "push"],
        ]);
        for (const one of told) await inspect(one);
        expect(told[1]?.payload).toMatchObject({ ref: "refs/heads/work", after: sha, created: true });
        expect(told[3]?.payload).toMatchObject({ before: sha, after: second, commits: [{ modified: ["a.txt"] }] });
        expect(told[4]?.payload).toMatchObject({ before: sha, after: second, number });
        expect(told[17]?.payload).toMatchObject({ pull_request: { merged: true } });
        expect(told[19]?.payload).toMatchObject({ deleted: true, after: "0".repeat(40), head_commit: null });
        expect(new Set(told.map(({ delivery }) => delivery)).size).toBe(told.length);
      });
    });

    test("are kept, and sent again when asked, with the same identity", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      await withReceiver(async (receiver) => {
        receiver.answer = 500;
        const { data: hook } = await hookOn(repo, receiver.url, ["status"]);
        const hook_id = hook.id;
        await as.admin.repos.pingWebhook({ ...repo, hook_id });
        await as.admin.repos.testPushWebhook({ ...repo, hook_id });
        const list = async () => (await as.admin.repos.listWebhookDeliveries({ ...repo, hook_id })).data;
        const failed = await eventually("two deliveries", async () => {
          const found = await list();
          return found.length === 2 ? found[0] : undefined;
        });
        expect(failed).toMatchObject({ event: "ping", status_code: 500, redelivery: false });
        expect((await as.admin.repos.getWebhook({ ...repo, hook_id })).data.last_response.code).toBe(500);
        receiver.answer = 202;
        const delivery_id = failed.id;
        const detail = (await as.admin.repos.getWebhookDelivery({ ...repo, hook_id, delivery_id })).data;
        expect(detail.request.payload).toMatchObject({ hook_id });
        expect(detail.response.payload).toBe("heard");
        await as.admin.repos.redeliverWebhookDelivery({ ...repo, hook_id, delivery_id });
        const [again] = await eventually("the redelivery", async () => {
          const found = await list();
          return found.length === 3 ? found : undefined;
        });
        expect(again).toMatchObject({ guid: failed.guid, redelivery: true, status_code: 202, status: "OK" });
        expect(receiver.received.map(({ delivery }) => delivery).filter((id) => id === failed.guid)).toHaveLength(2);
        expect(receiver.received.at(-1)?.body).toBe(receiver.received.at(-2)?.body);
        const page = await as.admin.request("GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries", {
          ...repo,
          hook_id,
          per_page: 2,
        });
        expect(page.headers.link).toContain('rel="next"');
        const none = as.admin.repos.getWebhookDelivery({ ...repo, hook_id, delivery_id: 1 });
        expect((await refusal(none)).status).toBe(404);
      });
    });
  });
}
