import { z } from "zod";
import { deepFreeze } from "./canonical.ts";
import { limits } from "./catalogue.ts";
import { duplicateName, planWithoutPrice, problem, type Resolved, type SpecProblem } from "./errors.ts";
import { fillPrices } from "./fill-prices.ts";
import { toProblems } from "./issues.ts";
import { isName, nameProblem, shown } from "./names.ts";
import { checkPrices, knownPriceOptions, missingPrices, priceOptions } from "./prices.ts";
import { present, quotaOptions, toQuota } from "./resolve-project.ts";

import {
  engines,
  type FleetSpec,
  type Policies,
  type PriceBook,
  type Provider,
  placements,
  type Quota,
} from "./types.ts";
import { duration } from "./values.ts";

/** What `fleet/` declares, one value of each kind. */
export type DeclaredFleet = {
  readonly quotas: unknown;
  readonly prices: unknown;
  readonly policies: unknown;
  readonly providers: unknown;
};
export const fleetKinds = ["quotas", "prices", "policies", "providers"] as const satisfies (keyof DeclaredFleet)[];

/** One kind of it, so that each problem can be placed in the file that declares the kind. */
export function resolveFleetPart(kind: keyof DeclaredFleet, options: unknown): Resolved<unknown> {
  const parsed = parts[kind].schema.safeParse(options);
  const missing = kind === "prices" ? missingPrices(options) : [];
  if (!parsed.success)
    return { kind: "invalid", problems: [...toProblems(parsed.error.issues, options, knownIn(kind)), ...missing] };
  const problems = parts[kind].check(parsed.data as never);
  if (problems.length + missing.length > 0) return { kind: "invalid", problems: [...missing, ...problems] };
  return { kind: "ok", spec: deepFreeze(parts[kind].fill(parsed.data as never)) };
}

export function resolveFleet(declared: DeclaredFleet): Resolved<FleetSpec> {
  const resolved = fleetKinds.map((kind) => resolveFleetPart(kind, declared[kind]));
  const problems = resolved.flatMap((part) => (part.kind === "invalid" ? part.problems : []));
  if (problems.length > 0) return { kind: "invalid", problems };
  const [quotas, priceBook, policies, providers] = resolved.map((part) => (part.kind === "ok" ? part.spec : undefined));
  const fleet = { quotas, priceBook, policies, providers } as FleetSpec;
  const unpriced = plansWithoutPrice(fleet);
  return unpriced.length > 0 ? { kind: "invalid", problems: unpriced } : { kind: "ok", spec: deepFreeze(fleet) };
}

/**
 * Where plans have prices, each plan of the fleet has one: a tenant could not be billed. Asked of the newest version alone, because
 * nobody goes back to price a new plan for months that are over; plans that are gone may keep their price. Paths are of the prices.
 */
function plansWithoutPrice({ quotas: granted, priceBook }: FleetSpec): SpecProblem[] {
  const { versions = [priceBook] } = priceBook;
  const { plans, id = "" } = versions.at(-1) ?? {};
  if (plans === undefined) return [];
  const at = priceBook.versions === undefined ? [] : ["versions", versions.length - 1];
  return Object.keys(granted)
    .filter((name) => !Object.hasOwn(plans, name))
    .map((name) => problem(planWithoutPrice, [...at, "plans"], `the plan ${shown(name)} has no price in ${id}`));
}

const quotas = z.record(z.string(), quotaOptions);
const policies = z.strictObject({
  requiredTags: z.array(z.string()).optional(),
  allowedExtensions: z.array(z.string()).optional(),
  maxUnitsPerDatabase: z.number().min(limits.unitStep).max(limits.maxUnits).multipleOf(limits.unitStep).optional(),
  minBackupRetention: duration(86_400, limits.maxRetentionSeconds, false).optional(),
  allowPublicNetwork: z.boolean().optional(),
  unreviewed: z.enum(["stop", "deploy"]).optional(),
  retireGrace: duration(1, limits.maxRetentionSeconds, false).optional(),
  prune: z
    .strictObject({
      databases: z.number().int().min(0).max(10_000).optional(),
      percent: z.number().min(0).max(100).optional(),
    })
    .optional(),
  drift: z.enum(["heal", "report"]).optional(),
  dataApi: z.enum(["any", "signed-in", "none"]).optional(),
});
const provider = z.strictObject({
  name: z.string().refine(isName, "is no name of a provider"),
  placement: z.enum(placements),
  region: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  engines: z.array(z.enum(engines)).min(1),
});
const providers = z.array(provider).min(1);

type Part<S extends z.ZodType, T> = {
  readonly schema: S;
  readonly check: (value: z.output<S>) => SpecProblem[];
  readonly fill: (value: z.output<S>) => T;
};
const part = <S extends z.ZodType, T>(it: Part<S, T>): Part<S, T> => it;

const parts = {
  quotas: part<typeof quotas, Readonly<Record<string, Quota>>>({
    schema: quotas,
    check: (plans) => Object.keys(plans).flatMap((name) => present(nameProblem("plan", name, [name]))),
    fill: (plans) => Object.fromEntries(Object.entries(plans).map(([name, quota]) => [name, toQuota(quota)])),
  }),
  prices: part<typeof priceOptions, PriceBook>({
    schema: priceOptions,
    check: checkPrices,
    fill: fillPrices,
  }),
  policies: part<typeof policies, Policies>({
    schema: policies,
    check: () => [],
    fill: (policy) => ({
      requiredTags: [...(policy.requiredTags ?? [])].sort(),
      allowedExtensions: [...(policy.allowedExtensions ?? [])].sort(),
      maxUnitsPerDatabase: policy.maxUnitsPerDatabase ?? limits.maxUnits,
      minBackupRetentionSeconds: policy.minBackupRetention ?? 0,
      allowPublicNetwork: policy.allowPublicNetwork ?? false,
      unreviewed: policy.unreviewed ?? "stop",
      retireGraceSeconds: policy.retireGrace ?? 3600,
      prune: { databases: policy.prune?.databases ?? 1, percent: policy.prune?.percent ?? 10 },
      drift: policy.drift ?? "report",
      ...(policy.dataApi === undefined || policy.dataApi === "any" ? {} : { dataApi: policy.dataApi }),
    }),
  }),
  providers: part<typeof providers, readonly Provider[]>({
    schema: providers,
    check: (list) =>
      list.flatMap((one, index) =>
        list.findIndex((other) => other.name === one.name) < index
          ? [problem(duplicateName, [index, "name"], `the provider ${shown(one.name)} is declared twice`)]
          : [],
      ),
    fill: (list) =>
      list.map((one) => ({ ...one, engines: [...one.engines].sort() })).sort((a, b) => (a.name < b.name ? -1 : 1)),
  }),
};

const knownIn =
  (kind: keyof DeclaredFleet) =>
  (path: readonly (string | number)[]): readonly string[] =>
    kind === "prices"
      ? knownPriceOptions(path)
      : Object.keys({ quotas: quotaOptions, policies, providers: provider }[kind].shape);
