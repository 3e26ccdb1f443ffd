import { badConfig } from "../../platform/core/index.ts";
import { isRole, type Role } from "../../platform/identity/index.ts";

/** Whom a rule counts. */
export type Subject = "key" | "user" | "address" | "database";

export type Rule = {
  /** Appears in RateLimit-Policy; the counter's row is named after it. */
  readonly name: string;
  readonly by: Subject;
  /** Tokens in a window. */
  readonly limit: number;
  readonly windowSeconds: number;
  /** Another limit for who holds the role; of several roles the highest limit counts. */
  readonly byRole?: Readonly<Partial<Record<Role, number>>>;
};

const rule = (name: string, by: Subject, limit: number, windowSeconds = 60): Rule => ({
  name,
  by,
  limit,
  windowSeconds,
});

/** Every limit there is, as data; NEBULA_LIMITS changes the numbers. docs/api.md has the table. */
export const defaultRules = {
  key: rule("key", "key", 1200),
  user: rule("user", "user", 2400),
  writes: rule("writes", "user", 300),
  /** Seed 002: 100 a minute a user, 1,000 a minute a database. */
  metricsUser: rule("metrics-user", "user", 100),
  metricsDatabase: rule("metrics-database", "database", 1000),
  /** Routes that ask for no token. */
  public: rule("public", "address", 600),
  /** Tokens that an address got wrong. */
  failures: rule("failures", "address", 60),
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof defaultRules;
export type Rules = Readonly<Record<RuleName, Rule>>;

/**
 * What a route is counted as.
 * - `default`: by key and user, changes by `writes` as well; a route without a token by address.
 * - `metrics`: as the seed has it, beside the default.
 * - `events`: a change that a machine makes all the time: by key and user, and not by `writes`.
 * - `watch`: not counted: probes and scrapers come at their own pace.
 */
export type LimitClass = "default" | "metrics" | "events" | "watch";

/** Which rules count a request. That of the database is spent once it is known that the caller may see it. */
export function rulesFor(limitClass: LimitClass, isPublic: boolean, isChange: boolean): readonly RuleName[] {
  if (limitClass === "watch") return [];
  if (isPublic) return ["public"];
  if (limitClass === "metrics") return ["key", "user", "metricsUser", "metricsDatabase"];
  return isChange && limitClass !== "events" ? ["key", "user", "writes"] : ["key", "user"];
}

/** The rule as it is for who has these roles. */
export function ruleFor(rule: Rule, grants: readonly { readonly role: Role }[]): Rule {
  const { byRole } = rule;
  if (byRole === undefined) return rule;
  const own = grants.flatMap(({ role }) => byRole[role] ?? []);
  return own.length === 0 ? rule : { ...rule, limit: Math.max(...own) };
}

/**
 * `name=limit`, `name=limit/seconds`, `name@role=limit`, separated by commas: `key=6000,writes@platform-admin=1200`.
 * @throws NEB901 with every part that is none of these.
 */
export function parseRules(text: string, defaults: Rules = defaultRules): Rules {
  const rules: Record<string, Rule> = { ...defaults };
  const problems: string[] = [];
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const [, name = "", role, limit, seconds] = /^([\w-]+)(?:@([\w-]+))?=(\d{1,9})(?:\/(\d{1,6}))?$/.exec(part) ?? [];
    const [key, known] = Object.entries(rules).find(([, each]) => each.name === name) ?? [];
    const fits = known !== undefined && Number(limit) > 0 && (seconds === undefined || Number(seconds) > 0);
    if (key === undefined || !fits || (role !== undefined && (!isRole(role) || seconds !== undefined)))
      problems.push(`"${part}" is not name=limit, name=limit/seconds or name@role=limit of a known name and role`);
    else if (role === undefined)
      rules[key] = { ...known, limit: Number(limit), windowSeconds: Number(seconds ?? known.windowSeconds) };
    else rules[key] = { ...known, byRole: { ...known.byRole, [role]: Number(limit) } };
  }
  if (problems.length > 0) throw badConfig(`NEBULA_LIMITS: ${problems.join("; ")}`);
  return rules as Rules;
}
