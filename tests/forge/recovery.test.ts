import { join } from "node:path";
import { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { makeGit } from "../../platform/git/index.ts";
import { commitOn, openPull, type Repo, tip } from "../conformance/forge/fixtures.ts";
import { withReceiver } from "../conformance/forge/receiver.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestForge, testForge } from "../harness/forge.ts";

const repo: Repo = { owner: "acme", repo: "tenants" };
let forge: TestForge;
let octokit: Octokit;

beforeEach(async () => {
  forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "acme" });
  await bootstrap.ensureUser({ login: "ada" });
  await bootstrap.ensureRepository({ owner: "acme", name: "tenants", seedFiles: new Map([["README.md", "hello\n"]]) });
  const permissions = { contents: "write", pull_requests: "write", administration: "write" } as const;
  const token = await bootstrap.makeToken({ login: "ada", owner: "acme", permissions });
  octokit = new Octokit({ baseUrl: forge.apiUrl, auth: token.reveal() });
});
afterEach(async () => {
  expect(forge.faults).toEqual([]);
  await forge.close();
});

/** The repository itself, as a process that died in the middle would have left it. */
async function behindItsBack(body: (git: ReturnType<typeof makeGit>) => Promise<void>): Promise<void> {
  const git = makeGit(join(forge.dataDir, "forge", "acme", "tenants.git"));
  await body(git);
  git.close();
}
const restart = async () => {
  forge = await forge.restart();
};
const pullOf = async (pull_number: number) => (await octokit.pulls.get({ ...repo, pull_number })).data;

test("a crash between the base's move and the note of it is recognised as the merge that it was", async () => {
  const { number, sha } = await openPull(octokit, repo, "work", { "a.txt": "1\n" });
  const untouched = await openPull(octokit, repo, "other", { "b.txt": "1\n" });
  const base = await tip(octokit, repo);
  await behindItsBack(async (git) => {
    const tree = (await git.commit(sha))?.tree ?? "";
    const author = { name: "Ada", email: "ada@example.com", at: 0 };
    const squashed = await git.commitTree({ tree, parents: [base], message: "Squashed", author });
    await forge.database.sql.query("update pulls set merge_intent = $1 where number = $2", [squashed, number]);
    await restart();
    expect((await pullOf(number)).merged).toBe(false);
    await git.updateRef("refs/heads/main", squashed, base);
    await restart();
    expect(await pullOf(number)).toMatchObject({ merged: true, state: "closed", merge_commit_sha: squashed });
  });
  expect((await pullOf(untouched.number)).state).toBe("open");
});

test("a crash between a push and what follows from it is made up for at the next start", async () => {
  await withReceiver(async (receiver) => {
    const first = await openPull(octokit, repo, "one", { "a.txt": "1\n" });
    const second = await openPull(octokit, repo, "two", { "b.txt": "1\n" });
    const third = await openPull(octokit, repo, "three", { "c.txt": "1\n" });
    const hook = { owner: "acme", repository: "tenants", url: receiver.url, secret: new Secret("s") };
    await forge.forge.bootstrap.ensureHook({ ...hook, events: ["pull_request"] });
    let moved = "";
    await behindItsBack(async (git) => {
      const tree = (await git.commit(first.sha))?.tree ?? "";
      const author = { name: "Ada", email: "ada@example.com", at: 0 };
      moved = await git.commitTree({ tree, parents: [first.sha], message: "More", author });
      await git.updateRef("refs/heads/one", moved);
      await git.updateRef("refs/heads/two", null);
      await git.updateRef("refs/heads/main", third.sha);
    });
    await restart();
    expect(await pullOf(first.number)).toMatchObject({ state: "open", head: { sha: moved } });
    expect(await pullOf(second.number)).toMatchObject({ state: "closed", merged: false });
    expect(await pullOf(third.number)).toMatchObject({ state: "closed", merged: true });
    await forge.forge.delivered();
    const told = receiver.received.map(({ payload }) => `${payload.number} ${payload.action}`);
    expect(told).toEqual([`${first.number} synchronize`, `${second.number} closed`, `${third.number} closed`]);
  });
});

test("what was written but not sent when the process ended is sent after the next start, once", async () => {
  await withReceiver(async (receiver) => {
    const hook = { owner: "acme", repository: "tenants", url: receiver.url, secret: new Secret("s") };
    await forge.forge.bootstrap.ensureHook({ ...hook, events: ["push"] });
    await commitOn(octokit, repo, "main", { "a.txt": "1\n" });
    await forge.forge.delivered();
    expect(receiver.received).toHaveLength(1);
    await forge.database.sql.query("update deliveries set delivered_at = null");
    await restart();
    await forge.forge.delivered();
    expect(receiver.received.map(({ delivery }) => delivery)).toHaveLength(2);
    expect(receiver.received[0]?.body).toBe(receiver.received[1]?.body);
    await restart();
    await forge.forge.delivered();
    expect(receiver.received).toHaveLength(2);
  });
});

test("a hook that does not answer holds up no other, and its own order is kept", async () => {
  await withReceiver(async (slow) =>
    withReceiver(async (quick) => {
      const hook = { owner: "acme", repository: "tenants", secret: new Secret("s"), events: ["push"] };
      const { promise, resolve: release } = Promise.withResolvers<void>();
      slow.hold = promise;
      for (const { url } of [slow, quick]) await forge.forge.bootstrap.ensureHook({ ...hook, url });
      const shas: string[] = [];
      for (let i = 0; i < 4; i++) shas.push(await commitOn(octokit, repo, "main", { "a.txt": `${i}\n` }));
      await eventually("the quick hook", () => quick.received.length === 4);
      expect(slow.received).toHaveLength(1);
      release();
      await forge.forge.delivered();
      for (const { received } of [slow, quick]) expect(received.map(({ payload }) => payload.after)).toEqual(shas);
    }),
  );
});

test("two merges and two pushes at once lose nothing and double nothing", async () => {
  const pulls = await Promise.all(
    ["a", "b", "c", "d"].map((name) => openPull(octokit, repo, name, { [`${name}.txt`]: "1\n" })),
  );
  expect(new Set(pulls.map(({ number }) => number)).size).toBe(4);
  const merge = ({ number }: { number: number }) => octokit.pulls.merge({ ...repo, pull_number: number });
  const merged = await Promise.all(pulls.map(merge));
  const names = (await octokit.repos.getContent({ ...repo, path: "" })).data as { name: string }[];
  expect(names.map(({ name }) => name)).toEqual(["README.md", "a.txt", "b.txt", "c.txt", "d.txt"]);
  expect(merged.map(({ data }) => data.sha)).toContain(await tip(octokit, repo));
  const parent = await tip(octokit, repo);
  const { tree } = (await octokit.git.getCommit({ ...repo, commit_sha: parent })).data;
  const commits = await Promise.all(
    [1, 2, 3].map((n) => octokit.git.createCommit({ ...repo, message: `c${n}`, tree: tree.sha, parents: [parent] })),
  );
  const moves = await Promise.allSettled(
    commits.map(({ data }) => octokit.git.updateRef({ ...repo, ref: "heads/main", sha: data.sha })),
  );
  expect(moves.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});
