/** What people get wrong, met where they meet it: on a pull request, in the CLI, at `up`. Nothing that runs is harmed by it. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { badDeclarations, papers, shop } from "./bad-declarations.ts";
import { at, type Developer, makeDeveloper } from "./developer.ts";
import { type Answer, type Platform, startPlatform } from "./platform.ts";

const repository = join(import.meta.dirname, "..", "..");

let platform: Platform;
let home: string;
let developer: Developer;
let octokit: Octokit;

const pulls = new Map<string, number>();

beforeAll(async () => {
  process.env.NEBULA_POLL_SECONDS = "1"; // nothing tells the reconciler what is done past the forge
  platform = await startPlatform();
  developer = makeDeveloper(platform);
  octokit = developer.octokit;
  home = mkdtempSync(join(tmpdir(), "nebula-bad-input-"));
  await everyDatabaseReady();
  for (const name of ["shop/orders", "research/papers"])
    await onDatabase(name, "create table kept (note text); insert into kept values ('before')");
  for (const [index, { title, files }] of badDeclarations.entries())
    pulls.set(title, await developer.openPull(`case-${index}`, files(developer.read)));
  const good = await developer.openPull("good", {
    [papers]: developer.read(papers).replace('team: "library"', 'team: "stacks"'),
  });
  await eventually("the good one is merged", () => merge(good), { timeoutMs: 30_000, everyMs: 250 });
  await eventually(
    "and deployed",
    async () => {
      const { data } = await octokit.rest.repos.getCombinedStatusForRef({ ...at, ref: "main" });
      return data.statuses.some(({ context, state }) => context === "nebula/deploy" && state === "success");
    },
    { timeoutMs: 30_000, everyMs: 100 },
  );
}, 540_000);

afterAll(async () => {
  await platform?.close();
  developer?.leave();
  if (home) rmSync(home, { recursive: true, force: true });
}, 180_000);

describe("a pull request with", () => {
  test.each(badDeclarations)("$title is refused, and says where and what to do", async ({ title, failing, says }) => {
    const number = pulls.get(title) ?? 0;
    const { data: pull } = await octokit.rest.pulls.get({ ...at, pull_number: number });
    const body = await eventually(
      `a comment with ${says[0]}`,
      async () => {
        const { data } = await octokit.rest.issues.listComments({ ...at, issue_number: number });
        return data.length === 1 && data[0]?.body?.includes(says[0] ?? "") ? data[0].body : false;
      },
      { timeoutMs: 20_000, everyMs: 100 },
    );
    for (const part of says) expect(body).toContain(part);
    const states = await eventually("no pending status", async () => {
      const { data } = await octokit.rest.repos.getCombinedStatusForRef({ ...at, ref: pull.head.sha });
      const found = Object.fromEntries(data.statuses.map(({ context, state }) => [context, state]));
      return Object.keys(found).length >= 5 && !Object.values(found).includes("pending") ? found : false;
    });
    for (const check of failing)
      expect({ check, state: states[`nebula/${check}`] }).toEqual({ check, state: "failure" });
    await expect(octokit.rest.pulls.merge({ ...at, pull_number: number })).rejects.toMatchObject({ status: 405 });
  });

  test("any of these is told as well in a terminal", async () => {
    const shown = async (title: string) => (await platform.nebula("pr", "show", String(pulls.get(title)))).stdout;
    expect(await shown("a type error")).toMatch(/typed\.ts:3:7 NEB150 .*\n(?: {4,}.*\n)+ {2}-> .*npm run check/);
    expect(await shown("a database moved to another project's folder")).toMatch(
      /acme\.shop NEB208 .*\n.*\nacme\.shop NEB209/,
    );
    expect(await shown("a conflict with what was merged meanwhile")).toMatch(
      /papers\.ts NEB390 .*\n(?: {4,}.*\n)* {2}-> Merge the base/,
    );
    const merged = await platform.nebula("pr", "merge", String(pulls.get("a type error")));
    expect(merged).toMatchObject({ code: 5, stderr: expect.stringContaining("NEB617") });
  });
});

describe("past the review, by somebody on the Git host's machine,", () => {
  test("a project's folder deleted stalls the project, and no other", async () => {
    const before = host("rev-parse", "main");
    const deletion = `case-${badDeclarations.findIndex(({ title }) => title === "a project's folder deleted")}`;
    const without = host("merge-tree", "--write-tree", "main", deletion);
    moveMain(host("commit-tree", without, "-p", before, "-m", "Clean up"));
    const all = await eventually(
      "it is stalled",
      async () => {
        const found = await projects();
        return found.shop?.status === "Stalled" && found;
      },
      { timeoutMs: 20_000, everyMs: 100 },
    );
    expect(all.shop).toMatchObject({
      reason: "DeclarationMissing",
      problems: [{ code: "NEB383", file: `${shop}/project.ts` }],
    });
    expect(all.shop?.problems[0]?.hint).toContain("Put the folder back");
    expect([all.analytics?.status, all.research?.status]).toEqual(["Ready", "Ready"]);
    moveMain(host("commit-tree", `${before}^{tree}`, "-p", "main", "-m", "Put it back"));
    await everyProjectReady("it is over");
  });

  test("a force-push stalls every project until it is put back, or approved", async () => {
    const before = host("rev-parse", "main");
    const rewritten = host("commit-tree", `${before}^{tree}`, "-m", "A new history");
    moveMain(rewritten);
    const stalled = () =>
      eventually(
        "all are stalled",
        async () => {
          const found = await projects();
          return Object.values(found).every(({ status }) => status === "Stalled") && found;
        },
        { timeoutMs: 20_000, everyMs: 100 },
      );
    expect((await stalled()).research).toMatchObject({
      reason: "RepositoryStalled",
      message: expect.stringMatching(/main was moved from [0-9a-f]{7} to [0-9a-f]{7}.*Put the old commit back/),
      problems: [{ code: "NEB380", file: "refs/heads/main" }],
    });
    const listed = await platform.nebula("db", "list", "-o", "json");
    expect(listed.stderr).toContain("acme/shop is stalled: NEB380");
    expect((JSON.parse(listed.stdout) as { status: string }[]).map(({ status }) => status)).toEqual(
      Array(5).fill("Ready"),
    );
    moveMain(before);
    await everyProjectReady("it is over");

    moveMain(rewritten);
    await stalled();
    expect(await platform.nebula("ops", "approve")).toMatchObject({ code: 0 });
    await everyProjectReady("it is over");
    expect(await platform.nebula("ops", "approve", "nebula/tenants")).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("NEB612"),
    });
  }, 60_000);

  test("no commit at all on main stalls every project", async () => {
    const before = host("rev-parse", "main");
    host("update-ref", "-d", "refs/heads/main");
    const found = await eventually(
      "it is stalled",
      async () => {
        const all = await projects();
        return all.shop?.status === "Stalled" && all.shop;
      },
      { timeoutMs: 20_000, everyMs: 100 },
    );
    expect(found).toMatchObject({
      problems: [{ code: "NEB381" }],
      message: expect.stringContaining("Push the declarations"),
    });
    moveMain(before);
    await everyProjectReady("it is over");
  });
});

describe("a wrong token", () => {
  test("ends the CLI with 3, a code and what to do", async () => {
    const wrong = await run(join(repository, "nebula"), ["db", "list"], {
      NEBULA_URL: platform.url,
      NEBULA_TOKEN: "ndb_wrong",
    });
    expect(wrong).toMatchObject({ code: 3, stdout: "" });
    expect(wrong.stderr).toMatch(/NEB661 .*\n.*ask an administrator for a new one/);
    const none = await run(join(repository, "nebula"), ["db", "list"], { NEBULA_DATA: home, XDG_CONFIG_HOME: home });
    expect(none).toMatchObject({ code: 3, stderr: expect.stringMatching(/NEB660 not signed in\n.*nebula login/) });
  });

  test("is a problem document of the API, and what GitHub says at the Git host", async () => {
    const headers = { authorization: "Bearer ndb_wrong" };
    const api = await fetch(`${platform.url}/api/v1/projects`, { headers });
    expect(api.status).toBe(401);
    expect(await api.json()).toMatchObject({ code: "NEB661", hint: expect.stringContaining("nebula login") });
    const forge = await fetch(`${platform.forgeApiUrl}/repos/nebula/tenants`, { headers });
    expect({ status: forge.status, body: await forge.json() }).toMatchObject({
      status: 401,
      body: { message: "Bad credentials" },
    });
  });

  test("clones nothing", async () => {
    const address = platform.forgeUrl.replace("http://", "http://developer:wrong@");
    const cloned = await run("git", ["clone", "--quiet", `${address}/nebula/tenants.git`, join(home, "never")], {});
    expect(cloned).toMatchObject({ code: 128, stderr: expect.stringContaining("Authentication failed for") });
    expect(existsSync(join(home, "never"))).toBe(false);
  });
});

describe("up", () => {
  test("on a port that is taken says which, by what option to choose others, and ends with 5", async () => {
    const data = mkdtempSync(join(tmpdir(), "nebula-second-"));
    const { port } = new URL(platform.url);
    const second = await run(join(repository, "nebula"), ["up", "--detach", "--port", port], { NEBULA_DATA: data });
    rmSync(data, { recursive: true, force: true });
    expect(second).toMatchObject({ code: 5, stdout: "" });
    expect(second.stderr).toContain(`NEB920 ports ${port} (portal)`);
    expect(second.stderr).toContain("--port N");
  });

  test("without git says so before it starts anything", async () => {
    const bin = join(home, "bin");
    mkdirSync(bin);
    for (const name of [
      "sh",
      "readlink",
      "dirname",
      "cksum",
      "uname",
      "cat",
      "cut",
      "sed",
      "mkdir",
      "rm",
      "id",
      "getent",
    ])
      for (const folder of ["/bin", "/usr/bin"])
        if (existsSync(join(folder, name)) && !existsSync(join(bin, name)))
          symlinkSync(join(folder, name), join(bin, name));
    symlinkSync(process.execPath, join(bin, "node"));
    const data = mkdtempSync(join(tmpdir(), "nebula-second-"));
    const started = await run(join(repository, "nebula"), ["up", "--detach"], { NEBULA_DATA: data, PATH: bin });
    rmSync(data, { recursive: true, force: true });
    expect(started).toMatchObject({ code: 1, stdout: "" });
    expect(started.stderr).toMatch(/NEB370 git .*\n.*Install git 2\.38 or newer/);
  });
});

test("after all of it every database is ready and has its rows", async () => {
  await everyDatabaseReady();
  for (const name of ["shop/orders", "research/papers"])
    expect(await onDatabase(name, "select note from kept")).toEqual([{ note: "before" }]);
}, 180_000);

/** git in the bare repository itself: whoever can do this has a shell on the Git host. */
const host = (...args: string[]) =>
  developer.git("--git-dir", join(platform.data, "forge/nebula/tenants.git"), "-c", "safe.directory=*", ...args);

const moveMain = (commit: string) => host("update-ref", "refs/heads/main", commit);

const merge = (number: number) =>
  octokit.rest.pulls.merge({ ...at, pull_number: number }).then(
    ({ data }) => data.merged,
    () => false,
  );

type Project = {
  readonly name: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly problems: readonly { readonly code: string; readonly file: string; readonly hint: string }[];
};
async function projects(): Promise<Readonly<Record<string, Project>>> {
  const response = await fetch(`${platform.url}/api/v1/projects`, {
    headers: { authorization: `Bearer ${platform.token}` },
  });
  const { items } = (await response.json()) as { items: readonly Project[] };
  return Object.fromEntries(items.map((project) => [project.name, project]));
}

const everyProjectReady = (what: string) =>
  eventually(what, async () => Object.values(await projects()).every(({ status }) => status === "Ready"), {
    timeoutMs: 20_000,
    everyMs: 100,
  });

const everyDatabaseReady = () =>
  eventually(
    "five ready databases",
    async () => {
      const { stdout } = await platform.nebula("db", "list", "-o", "json");
      const rows = JSON.parse(stdout) as { phase: string | null; status: string }[];
      return rows.length === 5 && rows.every(({ phase, status }) => phase === "Ready" && status === "Ready");
    },
    { timeoutMs: 60_000, everyMs: 500 },
  );

async function onDatabase(name: string, statement: string): Promise<readonly unknown[]> {
  const { stdout, stderr } = await platform.nebula("db", "connect", name);
  expect(stdout, stderr).toMatch(/^postgres/);
  return connectOnce(new Secret(stdout.trim()), (sql) => sql.query(statement));
}

/** A program with these variables instead of the caller's. */
function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Answer> {
  const own = { NEBULA_DATA: "", NEBULA_URL: "", NEBULA_TOKEN: "", GIT_TERMINAL_PROMPT: "0", ...env };
  return new Promise((resolve) => {
    execFile(program, args, { env: { ...process.env, ...own } }, (failure, stdout, stderr) =>
      resolve({ code: failure === null ? 0 : typeof failure.code === "number" ? failure.code : -1, stdout, stderr }),
    );
  });
}
