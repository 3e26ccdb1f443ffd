import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Secret } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestForge, testForge } from "../harness/forge.ts";

const run = promisify(execFile);
let forge: TestForge;
let token: Secret;
let folder: string;
const pushBytes = 1024 * 1024;

beforeAll(async () => {
  forge = await testForge({ limits: { pushBytes, bodyBytes: 200_000, requestsPerHour: 100 } });
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "acme" });
  await bootstrap.ensureUser({ login: "ada" });
  await bootstrap.ensureRepository({ owner: "acme", name: "tenants", seedFiles: new Map([["README.md", "hello\n"]]) });
  token = await bootstrap.makeToken({ login: "ada", owner: "acme", permissions: { contents: "write" } });
  folder = await mkdtemp(join(tmpdir(), "nebula-limits-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await forge.close();
});

const api = (path: string, init: RequestInit = {}) =>
  fetch(`${forge.apiUrl}${path}`, { ...init, headers: { authorization: `Bearer ${token.reveal()}`, ...init.headers } });

function git(cwd: string, ...args: string[]) {
  const header = `Authorization: Basic ${Buffer.from(`x:${token.reveal()}`).toString("base64")}`;
  const env = {
    ...{ PATH: process.env.PATH, HOME: folder, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_NOSYSTEM: "1" },
    ...{ GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.extraHeader", GIT_CONFIG_VALUE_0: header },
    ...{ GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" },
  };
  return run("git", args, { cwd, env }).then(
    ({ stdout, stderr }) => ({ ok: true, said: stdout + stderr }),
    ({ stderr }) => ({ ok: false, said: String(stderr) }),
  );
}

/** A request with bytes of one's own, past what a client library would let through. */
async function raw(head: string, body: Buffer = Buffer.alloc(0), leave = false): Promise<string> {
  const socket = connect(Number(new URL(forge.url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(Buffer.concat([Buffer.from(head.replaceAll("\n", "\r\n")), body]));
  if (leave) setTimeout(() => socket.destroy(), 100);
  return text(socket).catch(() => "");
}

test("a push beyond the limit is refused and leaves no reference", async () => {
  await git(folder, "clone", "-q", `${forge.url}/acme/tenants.git`, "big");
  const work = join(folder, "big");
  await writeFile(join(work, "big.bin"), randomBytes(2 * pushBytes));
  await git(work, "add", "-A");
  await git(work, "commit", "-qm", "big");
  const pushed = await git(work, "push", "origin", "HEAD:refs/heads/big");
  expect(pushed.ok).toBe(false);
  expect(await (await api("/repos/acme/tenants/branches")).json()).toMatchObject([{ name: "main" }]);
});

test("a commit that git's own check refuses is refused", async () => {
  await git(folder, "clone", "-q", `${forge.url}/acme/tenants.git`, "bad");
  const work = join(folder, "bad");
  const blob = (await git(work, "hash-object", "-w", "README.md")).said.trim();
  const listing = `100644 blob ${blob}\t.git\n`;
  await writeFile(join(folder, "listing"), listing);
  const { stdout: tree } = await run("sh", ["-c", "git mktree < ../listing"], { cwd: work });
  const commit = (await git(work, "commit-tree", "-m", "bad", tree.trim())).said.trim();
  const pushed = await git(work, "push", "origin", `${commit}:refs/heads/bad`);
  expect(pushed.said).toMatch(/hasDotgit|contains '\.git'|unpack failed|unpacker error/);
  expect((await api("/repos/acme/tenants/git/ref/heads/bad")).status).toBe(404);
});

test("bodies that are too large, broken or bombs are refused", async () => {
  const blob = (content: string) =>
    api("/repos/acme/tenants/git/blobs", { method: "POST", body: JSON.stringify({ content }) });
  expect((await blob("x".repeat(300_000))).status).toBe(413);
  expect((await blob("x")).status).toBe(201);
  const push = (body: Buffer, headers: Record<string, string>) =>
    fetch(`${forge.url}/acme/tenants/git-receive-pack`, {
      ...{ method: "POST", body: new Uint8Array(body) },
      headers: {
        ...{ authorization: `Bearer ${token.reveal()}`, "content-type": "application/x-git-receive-pack-request" },
        ...headers,
      },
    });
  expect((await push(Buffer.from("not a push"), {})).status).toBe(400);
  expect((await push(Buffer.from("not gzip"), { "content-encoding": "gzip" })).status).toBe(400);
  expect((await push(Buffer.from("x"), { "content-encoding": "br" })).status).toBe(415);
  expect((await push(Buffer.from("0000"), { "content-type": "text/plain" })).status).toBe(415);
  const line = Buffer.from(`0080${"0".repeat(40)} ${"1".repeat(40)} refs/heads/${"x".repeat(31)}`);
  const bomb = gzipSync(Buffer.concat([line, Buffer.alloc(64 * pushBytes, line)]));
  expect([400, 413]).toContain((await push(bomb, { "content-encoding": "gzip" })).status);
});

test("a connection outlives a push that was refused half-way", { timeout: 180_000 }, async () => {
  const { hostname, port } = new URL(forge.url);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const head = (line: string, length: number) =>
    `${line} HTTP/1.1\r\nhost: forge\r\nauthorization: Bearer ${token.reveal()}\r\ncontent-length: ${length}\r\n`;
  const body = Buffer.alloc(4 * pushBytes, "x");
  const type = "content-type: application/x-git-receive-pack-request\r\ncontent-encoding: gzip\r\n\r\n";
  socket.write(`${head("POST /acme/tenants/git-receive-pack", body.length)}${type}`);
  socket.write(body);
  socket.write(`${head("GET /api/v3/rate_limit", 0)}\r\n`);
  await eventually("both answers", () => /HTTP\/1.1 400.*HTTP\/1.1 200/s.test(said));
  socket.destroy();
});

test("paths lead nowhere but to repositories", async () => {
  const auth = `Authorization: Bearer ${token.reveal()}`;
  for (const path of [
    "/../../etc/passwd/info/refs?service=git-upload-pack",
    "/acme/..%2f..%2fsecrets/info/refs?service=git-upload-pack",
    "/acme/%2e%2e/info/refs?service=git-upload-pack",
    "/.hooks/update/info/refs?service=git-upload-pack",
    "/acme/tenants.git/../../x/info/refs?service=git-upload-pack",
    "/acme/tenants.git/config",
    "/acme/tenants.git/objects/info/packs",
    "/acme/--upload-pack=x/info/refs?service=git-upload-pack",
    "/acme/tenants/info/refs?service=git-upload-archive",
    "/acme/tenants/info/refs",
    "/api/v3/repos/acme/tenants/contents/..%2f..%2fHEAD",
    "/api/v3/repos/acme/tenants/contents/x?ref=--help",
    "/api/v3/repos/acme/tenants/git/ref/..%2f..%2fHEAD",
    "/api/v3/repos/acme/tenants/commits/--all",
    "/api/v3/repos/acme/tenants/commits?sha=--all",
    "/api/v3/repos/acme/tenants/compare/--all...main",
    "/api/v3/repos/acme/tenants/git/trees/HEAD:README.md",
    "/%00/%00/info/refs?service=git-upload-pack",
    "/%/x",
  ]) {
    const answer = await raw(`GET ${path} HTTP/1.1\nHost: x\nConnection: close\n${auth}\n\n`);
    expect(answer.split("\r\n")[0], path).toMatch(/^HTTP\/1\.1 (400|403|404|422) /);
  }
  expect(await readdir(join(forge.dataDir, "forge"))).toEqual([".hooks", "acme"]);
});

test("a push whose client goes away leaves nothing half done", async () => {
  const command = `${"0".repeat(40)} ${"1".repeat(40)} refs/heads/half\0report-status`;
  const line = `${(command.length + 4).toString(16).padStart(4, "0")}${command}0000`;
  const head = [
    "POST /acme/tenants/git-receive-pack HTTP/1.1",
    ...["Host: x", "Content-Type: application/x-git-receive-pack-request", "Content-Length: 100000"],
    `Authorization: Bearer ${token.reveal()}`,
  ];
  await raw(`${head.join("\n")}\n\n`, Buffer.from(`${line}PACK`), true);
  expect((await api("/repos/acme/tenants/git/ref/heads/half")).status).toBe(404);
  expect((await git(folder, "ls-remote", `${forge.url}/acme/tenants.git`)).said).not.toContain("half");
});

test("nothing that was asked here was a fault of the forge", () => {
  expect(forge.faults.filter((fault) => !/receive-pack/.test(JSON.stringify(fault)))).toEqual([]);
});

test("tokens and hook secrets are nowhere in the database in plain text", async () => {
  const tables = await forge.database.sql.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  for (const { name } of tables) {
    const rows = await forge.database.sql.query<{ row: string }>(`select t::text as row from "${name}" t`);
    for (const { row } of rows) expect(row).not.toContain(token.reveal());
  }
});

test("a caller beyond the hour's budget is told when to come back", { timeout: 270_000 }, async () => {
  let last = await api("/rate_limit");
  expect(Number(last.headers.get("x-ratelimit-limit"))).toBe(100);
  for (let i = 0; i < 100 && last.status === 200; i++) {
    await last.text();
    last = await api("/rate_limit");
  }
  expect(last.status).toBe(403);
  expect(await last.json()).toMatchObject({ message: "API rate limit exceeded" });
  expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
});
