import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { NebulaError, Secret } from "../../platform/core/index.ts";
import { signWebhook, verifyWebhook } from "../../platform/github/index.ts";
import { host } from "./stranger.ts";

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no fault",
    (thrown) => (thrown instanceof NebulaError ? thrown.code : `foreign: ${thrown}`),
  );

const pull = (number: number) => ({
  number,
  title: "t",
  body: null,
  state: "open",
  merged_at: null,
  merge_commit_sha: "x",
  head: { ref: "f", sha: "a".repeat(40), repo: { full_name: "acme/tenants" } },
  base: { ref: "main", sha: "b".repeat(40) },
  user: { login: "ann" },
  labels: [],
  html_url: "http://h/1",
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
});

describe("errors are translated once", () => {
  test.each([
    [401, { message: "Bad credentials" }, "NEB681"],
    [403, { message: "Resource not accessible by integration" }, "NEB687"],
    [403, { message: "You have exceeded a secondary rate limit" }, "NEB686"],
    [429, { message: "Too many" }, "NEB686"],
    [404, { message: "Not Found" }, "NEB682"],
    [405, { message: "Required status check is expected" }, "NEB684"],
    [409, { message: "Head branch was modified" }, "NEB683"],
    [422, { message: "Validation Failed", errors: [{ field: "sha", code: "invalid" }] }, "NEB685"],
  ])("%i %j becomes %s", async (status, body, code) => {
    const { connect } = await host(() => ({ status, body }));
    expect(await codeOf(connect().mergePull(7, { sha: "a".repeat(40) }))).toBe(code);
  });

  test("a host that hangs up is unavailable, after two more tries", async () => {
    const { connect, seen } = await host(() => "hang up");
    expect(await codeOf(connect().getPull(7))).toBe("NEB680");
    expect(seen).toHaveLength(3);
  });

  test("a rate limit says how long to wait", async () => {
    const { connect } = await host(() => ({
      status: 429,
      body: { message: "slow" },
      headers: { "retry-after": "17" },
    }));
    await expect(connect().getPull(7)).rejects.toMatchObject({ retry: true, fields: { retryAfterSeconds: 17 } });
  });

  test("no fault shows the token", async () => {
    const { connect } = await host(() => ({ status: 401, body: { message: "Bad credentials" } }));
    const thrown = await connect()
      .getPull(7)
      .catch((fault: unknown) => fault);
    expect(JSON.stringify(thrown) + String(thrown)).not.toContain("t0ken");
  });
});

describe("a lost answer makes nothing twice", () => {
  test("opening a pull request again finds the one that was made", async () => {
    const { connect, seen } = await host(({ method }) =>
      method === "POST" ? "hang up" : { status: 200, body: [pull(4)] },
    );
    const opened = await connect().createPull({ title: "t", body: "", head: "f", base: "main" });
    expect(opened.number).toBe(4);
    expect(seen.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  test("a merge that was refused is no refusal while nobody can look whether it was made before", async () => {
    const sha = "a".repeat(40);
    const refusal = { status: 405, body: { message: "Pull Request is not mergeable" } };
    const blind = await host(({ method }) => (method === "PUT" ? refusal : { status: 502 }));
    await expect(blind.connect().mergePull(4, { sha })).rejects.toMatchObject({ status: 503, retry: true });
    const open = await host(({ method }) => (method === "PUT" ? refusal : { status: 200, body: pull(4) }));
    await expect(open.connect().mergePull(4, { sha })).rejects.toMatchObject({ retry: false });
  });

  test("the sticky comment is found by its marker and changed in place", async () => {
    const comment = { id: 9, body: "<!-- m -->\nold", user: { login: "bot" } };
    const { connect, seen } = await host(({ method }) => ({
      status: 200,
      body: method === "GET" ? [comment] : comment,
    }));
    expect(await connect().upsertComment(1, { marker: "<!-- m -->", body: "new" })).toEqual({ id: 9 });
    expect(seen.at(-1)).toMatchObject({ method: "PATCH", path: "/api/v3/repos/acme/tenants/issues/comments/9" });
  });

  test("a status is set again after a 502", async () => {
    const { connect, seen } = await host((_, count) => (count === 1 ? { status: 502 } : { status: 201, body: {} }));
    await connect().createStatus("a".repeat(40), { context: "c", state: "success", description: "x".repeat(300) });
    expect(JSON.parse(seen.at(-1)?.body ?? "").description).toHaveLength(140);
  });
});

test("an App's installation token is made once and used for every call", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const token = { token: "ghs_1", expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: {} };
  const { connect, seen } = await host(({ path }) =>
    path.endsWith("/access_tokens") ? { status: 201, body: token } : { status: 200, body: { ...pull(1) } },
  );
  const github = connect({ kind: "app", appId: 1, privateKey: new Secret(pem), installationId: 2 });
  await Promise.all([github.getPull(1), github.getPull(1)]);
  expect((await github.gitToken()).reveal()).toBe("ghs_1");
  expect(seen.filter(({ path }) => path.endsWith("/access_tokens"))).toHaveLength(1);
  expect(seen.filter(({ authorization }) => authorization === "token ghs_1")).toHaveLength(2);
});

describe("a check run", () => {
  const annotation = { path: "p", startLine: 1, endLine: 1, level: "failure", title: "t", message: "m" } as const;
  const wanted = (count: number, title = "t") => ({
    ...{ name: "n", sha: "a", title, summary: "s" },
    state: { kind: "done", conclusion: "failure" } as const,
    annotations: Array.from({ length: count }, () => annotation),
  });
  /** A host that keeps check runs as GitHub does: annotations add up. `spoil` may lose the answer to a write. */
  async function keeper(spoil: (writes: number) => boolean = () => false) {
    const runs: { id: number; external_id: string; output: { annotations_count: number } }[] = [];
    let writes = 0;
    const { connect, seen } = await host(({ method, path, body }) => {
      if (method === "GET") return { status: 200, body: { check_runs: runs.slice(-1) } };
      const { external_id, output } = JSON.parse(body);
      const known = method === "PATCH" ? runs.find(({ id }) => path.endsWith(`/${id}`)) : undefined;
      const run = known ?? { id: runs.length + 1, external_id, output: { annotations_count: 0 } };
      if (known === undefined) runs.push(run);
      run.external_id = external_id;
      run.output.annotations_count += output.annotations.length;
      writes += 1;
      return spoil(writes) ? "hang up" : { status: 201, body: run };
    });
    const sent = () =>
      seen.filter(({ body }) => body !== "").map(({ body }) => JSON.parse(body).output.annotations.length);
    return { github: connect(), runs, sent };
  }

  test("has annotations beyond fifty from further calls", async () => {
    const { github, sent } = await keeper();
    await github.upsertCheckRun(wanted(120));
    expect(sent()).toEqual([50, 50, 20]);
  });
  test("says nothing twice, and something else in its place or after it", async () => {
    const { github, runs, sent } = await keeper();
    await github.upsertCheckRun(wanted(0, "running"));
    await github.upsertCheckRun(wanted(3));
    await github.upsertCheckRun(wanted(3));
    expect(sent()).toEqual([0, 3]);
    await github.upsertCheckRun(wanted(2));
    expect(runs.map(({ output }) => output.annotations_count)).toEqual([3, 2]);
  });
  test("is not doubled by answers that are lost", async () => {
    const { github, runs, sent } = await keeper((writes) => writes !== 3);
    await github.upsertCheckRun(wanted(170));
    expect(sent()).toEqual([50, 50, 50, 20]);
    expect(runs).toMatchObject([{ output: { annotations_count: 170 } }]);
  });
});

describe("a webhook's signature", () => {
  const secret = new Secret("s3cret");
  const body = Buffer.from([0x7b, 0xff, 0x7d]);
  test("is good for exactly these bytes", () => {
    expect(verifyWebhook(secret, body, signWebhook(secret, body))).toBe(true);
    expect(verifyWebhook(secret, Buffer.from("{}"), signWebhook(secret, body))).toBe(false);
  });
  test.each([undefined, "", "sha256=", "sha1=00", `sha256=${"0".repeat(64)}`])("%j is refused", (signature) => {
    expect(verifyWebhook(secret, body, signature)).toBe(false);
  });
  test("an empty secret verifies nothing", () => {
    const empty = new Secret("");
    expect(verifyWebhook(empty, body, signWebhook(empty, body))).toBe(false);
  });
});
