import { asNebulaError, type Clock, systemClock } from "../core/index.ts";
import type { GitHub } from "./index.ts";
import { hookEvents, type Level, permissions, requiredContexts } from "./needs.ts";
import type { BranchGuard, Hook, Installation } from "./types.ts";

/** `fail`: the platform does not work with this. `warn`: it works, but less well or less safely. */
export type FindingState = "ok" | "warn" | "fail" | "skip";

export type Finding = {
  /** One word or two, the same each time: `permission contents`, `hook delivery`. */
  readonly check: string;
  readonly state: FindingState;
  readonly says: string;
  /** What to do; empty when all is well. */
  readonly todo: string;
};

export type Inspected = {
  readonly host: GitHub;
  readonly auth: "app" | "token";
  readonly defaultBranch: string;
  /** As registered. */
  readonly installationId: number | null;
  /** The webhook that we set up, and where it should lead; null: none is wanted, the repository is polled. */
  readonly hook: { readonly id: number | null; readonly url: string } | null;
  readonly pollSeconds: number;
  readonly clock?: Clock;
};

const ok = (check: string, says: string): Finding => ({ check, state: "ok", says, todo: "" });
const warn = (check: string, says: string, todo: string): Finding => ({ check, state: "warn", says, todo });
const fail = (check: string, says: string, todo: string): Finding => ({ check, state: "fail", says, todo });

/**
 * Looks at everything that this platform needs of a repository's Git host, as its own credential, and changes nothing: what it
 * asks for to try a permission cannot be made, and a ping is an event that nobody acts on.
 */
export async function inspectRepository(about: Inspected): Promise<readonly Finding[]> {
  const { host } = about;
  const reached = await reach(host);
  if (reached.state === "fail") return [reached];
  const identity = await guarded("app", () => identityOf(about));
  const standing = [reached, await clockOf(about), ...identity.findings];
  if (identity.findings.some(({ state }) => state === "fail")) return standing;
  const seen = await guarded("repository", () => repositoryOf(about));
  if (seen.findings.some(({ state }) => state === "fail")) return [...standing, ...seen.findings];
  const page = seen.page ?? "";
  return [
    ...standing,
    ...seen.findings,
    ...(await guarded("permission", () => permissionsOf(host, identity.installation))).findings,
    ...(await guarded("protection", () => protectionOf(about, page))).findings,
    ...(await guarded("hook", () => hookOf(about, page))).findings,
    ...(await guarded("rate limit", () => budgetOf(host))).findings,
  ];
}

type Part = { readonly findings: readonly Finding[]; readonly installation?: Installation; readonly page?: string };

/** What cannot be looked at is a finding too. */
async function guarded(check: string, look: () => Promise<Part>): Promise<Part> {
  try {
    return await look();
  } catch (thrown) {
    const { code, message, hint } = asNebulaError(thrown);
    return { findings: [fail(check, `${code} ${message}`, hint)] };
  }
}

async function reach(host: GitHub): Promise<Finding> {
  const at = host.gate.health().host;
  try {
    await host.rateBudget();
  } catch (thrown) {
    const { code, message, hint, retry, status } = asNebulaError(thrown);
    // Any other answer of the host's is an answer.
    if (retry || status === 422) return fail("reach", `${code} ${message}`, hint);
  }
  return ok("reach", `${at} answers`);
}

async function clockOf({ host }: Inspected): Promise<Finding> {
  const seconds = Math.round(((await host.skewMs()) ?? 0) / 1000);
  if (Math.abs(seconds) <= 30) return ok("clock", `ours and the host's differ by ${Math.abs(seconds)} s`);
  const says = `ours is ${Math.abs(seconds)} s ${seconds > 0 ? "behind" : "ahead of"} the host's`;
  return warn("clock", says, "Let this machine's clock be kept by NTP; tokens and deadlines are reckoned by it.");
}

async function identityOf({ host, auth, installationId }: Inspected): Promise<Part> {
  if (auth === "token") {
    const todo = "Register the repository with a GitHub App (docs/github.md): its tokens live an hour and can do less.";
    return { findings: [warn("app", "a personal token is used: no check runs, no annotations", todo)] };
  }
  const app = await host.app();
  const known = ok("app", `${app.slug} (${app.id}), its key is valid`);
  const installation = await host.installation();
  if (installation === undefined)
    return {
      findings: [
        known,
        fail("installation", "the App is not installed on this repository", `Install it at ${app.url}.`),
      ],
    };
  const { id, isSuspended, url } = installation;
  if (isSuspended) return { findings: [known, fail("installation", `${id} is suspended`, `Unsuspend it at ${url}.`)] };
  if (installationId !== null && installationId !== id) {
    const todo = "Add the repository again (`nebula repo add`): the App was installed anew.";
    return { findings: [known, fail("installation", `it is ${id}, registered is ${installationId}`, todo)] };
  }
  return { findings: [known, ok("installation", String(id))], installation };
}

async function repositoryOf({ host, defaultBranch }: Inspected): Promise<Part> {
  const found = await host.describe();
  if (found === undefined) {
    const todo = "Correct the name, or give the App (Install App, Configure, Repository access) this repository.";
    return { findings: [fail("repository", "it is not there, or may not be seen", todo)] };
  }
  const says = `${found.fullName}, declarations are read from ${defaultBranch}`;
  if (found.defaultBranch !== defaultBranch) {
    const todo = "Pull requests into another branch than this one are not reviewed. Change one of the two.";
    return {
      findings: [warn("repository", `${says}; its default branch is ${found.defaultBranch}`, todo)],
      page: found.url,
    };
  }
  return { findings: [ok("repository", says)], page: found.url };
}

/** An App's are listed; whether they also hold (an organisation's policy, a person's token) is tried. */
async function permissionsOf(host: GitHub, installation: Installation | undefined): Promise<Part> {
  const findings: Finding[] = [];
  for (const [name, { level, why, optional, enough }] of Object.entries(permissions)) {
    const check = `permission ${name}`;
    const granted = installation?.permissions[name];
    const lists = installation === undefined || covers(granted, enough ?? level);
    if (lists && (await host.may(name))) findings.push(ok(check, `${granted ?? level}: ${why}`));
    else {
      const where = installation === undefined ? "Give the token" : `At ${installation.url}, give the App`;
      const todo = `${where} "${name}: ${level}" and accept the change. It is for ${why}.`;
      const says = `${granted ?? "none"}, ${level} is needed`;
      findings.push(optional ? warn(check, says, todo) : fail(check, says, todo));
    }
  }
  return { findings };
}

const covers = (granted: string | undefined, level: Level): boolean =>
  granted === "admin" || granted === "write" || (level === "read" && granted === "read");

async function protectionOf({ host, defaultBranch }: Inspected, page: string): Promise<Part> {
  const guard = await host.readBranchGuard(defaultBranch);
  const check = "protection";
  const where = `${page}/settings/branches`;
  if (guard === undefined)
    return { findings: [fail(check, `there is no branch ${defaultBranch}`, "Push a first commit with declarations.")] };
  const missing = requiredContexts.filter((context) => !guard.contexts.includes(context));
  if (missing.length > 0) {
    const todo = `At ${where}, protect ${defaultBranch}: require status checks ${requiredContexts.join(", ")}.`;
    return { findings: [fail(check, `${defaultBranch} may be merged without ${missing.join(", ")}`, todo)] };
  }
  return { findings: [ok(check, `${defaultBranch} requires all five statuses`), ...looseEnds(guard, where)] };
}

function looseEnds({ enforceAdmins, allowsForcePushes }: BranchGuard, where: string): Finding[] {
  if (enforceAdmins === undefined) {
    const todo = `See at ${where} that administrators are included and force-pushes are not allowed.`;
    return [{ check: "protection details", state: "skip", says: "our credential may not read them", todo }];
  }
  return [
    ...(enforceAdmins
      ? []
      : [warn("protection admins", "administrators may merge past it", `At ${where}: "Do not allow bypassing".`)]),
    ...(allowsForcePushes
      ? [warn("protection force-push", "force-pushes are allowed", `At ${where}: do not allow force pushes.`)]
      : []),
  ];
}

async function hookOf(about: Inspected, page: string): Promise<Part> {
  const { host, hook: wanted, pollSeconds } = about;
  const where = `${page}/settings/hooks`;
  const polled = `changes are found by polling, within ${pollSeconds} s`;
  if (wanted === null) {
    const todo = "For changes within a second give the address at which this installation is reached: NEBULA_HOOK_URL.";
    return { findings: [warn("hook", `none is set up: ${polled}`, todo)] };
  }
  if (!(await host.may("repository_hooks")))
    return {
      findings: [{ check: "hook", state: "skip", says: "our credential may not read it", todo: `See ${where}.` }],
    };
  const found =
    (wanted.id === null ? undefined : await host.getHook(wanted.id)) ??
    (await host.listHooks()).find(({ url }) => url === wanted.url);
  if (found === undefined) {
    const todo = `\`nebula github rotate-hook\` sets it up; by hand: ${where}, ${wanted.url}, application/json, ${hookEvents.join(" and ")}.`;
    return { findings: [fail("hook", `there is none: ${polled}`, todo)] };
  }
  const problems = hookProblems(found, wanted.url, `${where}/${found.id}`);
  if (problems.length > 0) return { findings: problems };
  return { findings: [ok("hook", `${found.id} to ${found.url}`), await delivery(about, found)] };
}

function hookProblems({ url, active, events, contentType, hasSecret }: Hook, wanted: string, where: string): Finding[] {
  const todo = `\`nebula github rotate-hook\` mends it, or by hand: ${where}.`;
  const lacking = hookEvents.filter((event) => !events.includes(event) && !events.includes("*"));
  return [
    ...(url === wanted ? [] : [fail("hook", `it leads to ${url}, not to ${wanted}`, todo)]),
    ...(active ? [] : [fail("hook", "it is switched off", todo)]),
    ...(lacking.length === 0 ? [] : [fail("hook", `it does not tell of ${lacking.join(", ")}`, todo)]),
    ...(contentType === "json" ? [] : [fail("hook", `its content type is ${contentType}, not json`, todo)]),
    ...(hasSecret ? [] : [fail("hook", "it has no secret: every delivery is refused", todo)]),
  ];
}

const pingWithinMs = 10_000;

/** A ping of now, and what our receiver answered to it: that proves address, network and secret together. */
async function delivery({ host, clock = systemClock }: Inspected, { id }: Hook): Promise<Finding> {
  const before = new Set((await host.listDeliveries(id)).map((one) => one.id));
  await host.pingHook(id);
  const deadlineMs = clock.monotonicMs() + pingWithinMs;
  while (clock.monotonicMs() < deadlineMs) {
    const found = (await host.listDeliveries(id)).find((one) => one.event === "ping" && !before.has(one.id));
    if (found !== undefined && found.status !== "pending") return judge(found.statusCode, found.status);
    await clock.sleep(500);
  }
  return warn(
    "hook delivery",
    `no ping was sent within ${pingWithinMs / 1000} s`,
    "Look at the hook's deliveries at the host.",
  );
}

function judge(statusCode: number, status: string): Finding {
  const check = "hook delivery";
  if (statusCode === 202) return ok(check, "a ping of now arrived, and its signature was right");
  if (statusCode === 401)
    return fail(
      check,
      "a ping arrived and was refused: its secret is not ours",
      "`nebula github rotate-hook` sets it anew.",
    );
  if (statusCode === 0)
    return fail(check, `a ping did not arrive: ${status}`, "Let the host reach the receiver's address, or poll only.");
  const todo = "Something between the host and the reconciler answers in its place; POST /hooks/github must reach it.";
  return fail(check, `a ping was answered with ${statusCode}`, todo);
}

async function budgetOf(host: GitHub): Promise<Part> {
  const { limit, remaining, resetsAt } = await host.rateBudget();
  const says = `${remaining} of ${limit} requests left until ${resetsAt}`;
  const todo = "Poll less often, or let fewer things share this App's installation.";
  return { findings: [remaining * 10 < limit ? warn("rate limit", says, todo) : ok("rate limit", says)] };
}
