/** A whole platform as one side of a bench: `./nebula up`, GitHub's REST against its forge, the portal's API, a query. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";

export type PlatformSide = {
  /** Declares a new project of one database by a pull request and merges it; from the merge to the first answered query. */
  run(project: string): Promise<{ readonly readyMs: number; readonly parts: Readonly<Record<string, number>> }>;
  close(): Promise<void>;
};

type Operation = {
  readonly state: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly result: { readonly phases?: Readonly<Record<string, number>> } | null;
};
type Page<T> = { readonly items: readonly T[] };

const nebula = join(import.meta.dirname, "..", "..", "nebula");
const repository = "/repos/nebula/tenants";
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function platformSide(port: number): Promise<PlatformSide> {
  const data = mkdtempSync(join(tmpdir(), "nebula-bench-platform-"));
  const command = (...args: string[]) =>
    promisify(execFile)(nebula, args, { env: { ...process.env, NEBULA_DATA: data } });
  const close = async () => {
    await command("down");
    rmSync(data, { recursive: true, force: true });
  };
  try {
    await command("up", "--detach", "--port", String(port));
    const token = (name: string) => readFileSync(join(data, "secrets", name), "utf8").trim();
    const portal = makeAsk(`http://127.0.0.1:${port}/api/v1`, token("admin-token"));
    const forge = makeAsk(`http://127.0.0.1:${port + 1}/api/v3`, token("git-token"));
    await until("the examples are deployed", async () => {
      const { items } = await portal<Page<Operation>>("GET", "/operations?limit=50");
      const failed = items.find(({ state }) => state === "FAILED");
      if (failed !== undefined) throw new Error(`an example did not deploy: ${JSON.stringify(failed)}`);
      return items.length >= 3 && items.every(({ state }) => state === "COMPLETED");
    });
    return { run: (project) => measure(portal, forge, project), close };
  } catch (failure) {
    await close();
    throw failure;
  }
}

async function measure(portal: Ask, forge: Ask, project: string): ReturnType<PlatformSide["run"]> {
  const pull = await openPull(forge, project);
  await until("five green checks", async () => {
    const { statuses } = await forge<{ statuses: readonly { state: string }[] }>(
      "GET",
      `${repository}/commits/${pull.head.sha}/status`,
    );
    return statuses.length === 5 && statuses.every(({ state }) => state === "success");
  });
  await pause(500); // what the review still writes is not part of the merge
  const wallMs = Date.now();
  const began = performance.now();
  await forge("PUT", `${repository}/pulls/${pull.number}/merge`, { sha: pull.head.sha, merge_method: "squash" });
  const mergeMs = performance.now() - began;
  const path = `/domain/acme/project/${project}/databases/orders/credentials`;
  const { url } = await until("an address", () => portal<{ url: string }>("GET", path).catch(() => undefined), 15);
  await connectOnce(new Secret(url), (sql) => sql.query("select 1"));
  const readyMs = performance.now() - began;
  const operation = await until("the end of the operation", async () => {
    const { items } = await portal<Page<Operation>>("GET", `/operations?domain=acme&project=${project}&type=DEPLOY`);
    return items.find(({ state }) => state === "COMPLETED");
  });
  const queuedMs = Date.parse(operation.createdAt) - wallMs - mergeMs;
  const claimMs = Date.parse(operation.startedAt ?? operation.createdAt) - Date.parse(operation.createdAt);
  return { readyMs, parts: { mergeMs, queuedMs, claimMs, ...operation.result?.phases } };
}

async function openPull(
  forge: Ask,
  project: string,
): Promise<{ readonly number: number; readonly head: { readonly sha: string } }> {
  const { object } = await forge<{ object: { sha: string } }>("GET", `${repository}/git/ref/heads/main`);
  const branch = `bench-${project}`;
  await forge("POST", `${repository}/git/refs`, { ref: `refs/heads/${branch}`, sha: object.sha });
  for (const [file, names, value] of [
    ["project.ts", "project", `project({ placement: "local" })`],
    ["orders.ts", "Postgres", `new Postgres("orders", { version: "18", tags: { owner: "bench" } })`],
  ] as const) {
    const text = `import { ${names} } from "@nebuladb/platform";\n\nexport default ${value};\n`;
    const content = Buffer.from(text).toString("base64");
    await forge("PUT", `${repository}/contents/tenants/acme/${project}/${file}`, {
      branch,
      content,
      message: `Add ${file}`,
    });
  }
  return forge("POST", `${repository}/pulls`, { title: `Add ${project}`, head: branch, base: "main" });
}

type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

const makeAsk =
  (base: string, token: string): Ask =>
  async <T>(method: string, path: string, body?: unknown) => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };

async function until<T>(what: string, probe: () => Promise<T | undefined | false>, everyMs = 50): Promise<T> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await pause(everyMs)) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`${what}: not within a minute`);
}
