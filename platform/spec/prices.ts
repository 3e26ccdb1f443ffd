/**
 * The price book as it is declared: one version, or several with the months in which each is in force. Owns its schema and what a
 * book may not say. Does not own its plain form (fill-prices.ts), nor what a tenant pays in the end (platform/pricing).
 *
 * 1. Versions follow each other without a month that has none or two, in one currency.
 * 2. The steps of a price follow each other from zero to no end, without a gap or an overlap.
 * 3. An amount is a decimal >= 0 with at most six places; nothing is negative, NaN or a guess.
 */
import { z } from "zod";
import {
  badAmount,
  badSteps,
  badVersions,
  conflictingOptions,
  currencyChanged,
  problem,
  type SpecProblem,
  wrongType,
} from "./errors.ts";
import { isName, nameProblem, oneLine, shown } from "./names.ts";
import { type PriceName, priceNames } from "./types.ts";
import { amountMicros, percentMillionths } from "./units.ts";

const amount = z.unknown().refine((value) => isText(value) && amountMicros(value) !== undefined, {
  message: 'is not an amount such as "0.12": a decimal of at least zero with at most six places',
  params: { code: badAmount.definition.code, hint: badAmount.definition.hint },
});
const isText = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number";

const step = z.strictObject({ from: amount.optional(), upTo: amount.optional(), price: amount });
const steps = z.array(step).min(1);
const price = z.unknown().superRefine((value, context) => {
  const { error } = (Array.isArray(value) ? steps : amount).safeParse(value);
  for (const issue of error?.issues ?? []) context.issues.push(issue as (typeof context.issues)[number]);
});
const unitPrices = z.strictObject(
  Object.fromEntries(priceNames.map((name) => [name, price.optional()])) as Record<
    PriceName,
    z.ZodOptional<typeof price>
  >,
);
const included = z
  .strictObject(
    Object.fromEntries(priceNames.map((name) => [name, amount.optional()])) as Record<
      PriceName,
      z.ZodOptional<typeof amount>
    >,
  )
  .optional();
const plan = z.strictObject({ fee: amount.optional(), minimum: amount.optional(), included });
const percent = z.unknown().refine((value) => isText(value) && percentMillionths(value) !== undefined, {
  message: 'is not a percentage such as "19" or "7.75": from 0 to 100, with at most four places',
  params: { code: badAmount.definition.code, hint: badAmount.definition.hint },
});
const line = z.string().min(1).max(200).regex(oneLine);
const tenant = z.strictObject({
  prices: unitPrices.optional(),
  included,
  fee: amount.optional(),
  minimum: amount.optional(),
  tax: z.strictObject({ name: line, percent }).optional(),
  billTo: z
    .strictObject({
      name: line,
      address: z.array(line).max(8).optional(),
      email: z.email().max(254).optional(),
      taxId: line.optional(),
    })
    .optional(),
});
const id = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,39}$/);
const currency = z.string().regex(/^[A-Z]{3}$/);
const month = z.custom<string>((value) => typeof value === "string" && /^\d{4}-(0[1-9]|1[0-2])$/.test(value), {
  message: 'is not a month such as "2026-07"; prices change when a month begins (UTC), never inside one',
  params: { code: badVersions.definition.code, hint: badVersions.definition.hint },
});
const version = {
  id: id.optional(),
  currency: currency.optional(),
  from: month.optional(),
  until: month.optional(),
  ...unitPrices.shape,
  plans: z.record(z.string(), plan).optional(),
  tenants: z.record(z.string(), tenant).optional(),
  issuer: z.strictObject({ name: line, address: z.array(line).max(8).optional(), taxId: line.optional() }).optional(),
  dueDays: z.number().int().min(0).max(365).optional(),
};

export const priceOptions = z.strictObject({
  ...version,
  versions: z.array(z.strictObject(version)).min(1).optional(),
});
export type PriceOptions = z.output<typeof priceOptions>;
export type PriceVersionOptions = Omit<PriceOptions, "versions">;
export type PlanOptions = z.output<typeof plan>;
export type TenantPriceOptions = z.output<typeof tenant>;
export type StepOptions = z.output<typeof step>;
type Path = readonly (string | number)[];

/** Names that may stand at a place of the book, for the hint of one that may not. */
export function knownPriceOptions(path: Path): readonly string[] {
  const inside = path[0] === "versions" ? path.slice(2) : path;
  if (inside.length === 0) return Object.keys(path.length === 0 ? priceOptions.shape : version);
  if (inside.at(-1) === "included" || (inside[0] === "tenants" && inside.at(-1) === "prices")) return priceNames;
  if (inside[0] === "plans") return Object.keys(plan.shape);
  if (inside[0] === "tenants" && inside.length === 2) return Object.keys(tenant.shape);
  if (inside.at(-1) === "tax") return ["name", "percent"];
  if (inside[0] === "issuer") return ["name", "address", "taxId"];
  if (inside.at(-1) === "billTo") return ["name", "address", "email", "taxId"];
  return Object.keys(step.shape);
}

export function checkPrices(options: PriceOptions): SpecProblem[] {
  const { versions, ...flat } = options;
  if (versions === undefined) return checkVersion(flat, []);
  const { currency: _, ...rest } = flat;
  const beside = Object.keys(rest).map((key) =>
    problem(conflictingOptions, [key], `${key} stands beside versions`, "Write it into each of the versions."),
  );
  const inside = versions.flatMap((one, index) => {
    const other = one.currency !== undefined && one.currency !== options.currency;
    return [
      ...checkVersion(one, ["versions", index]),
      ...(other
        ? [problem(currencyChanged, ["versions", index, "currency"], `${one.currency} beside ${options.currency}`)]
        : []),
      ...(versions.findIndex(({ id: name }) => name === one.id) < index
        ? [problem(badVersions, ["versions", index, "id"], `${shown(one.id ?? "")} names two versions of the prices`)]
        : []),
    ];
  });
  return [...beside, ...inside, ...versions.flatMap((_one, index) => follows(versions, index))];
}

/** What a book lacks, whatever else is wrong with it. */
export function missingPrices(options: unknown): SpecProblem[] {
  const { versions } = Object(options) as { readonly versions?: unknown };
  const lacks = (one: unknown, names: readonly string[], path: Path) =>
    names
      .filter((name) => (Object(one) as Record<string, unknown>)[name] === undefined)
      .map((name) => problem(wrongType, [...path, name], `${name} is missing`, `Add ${name}.`));
  if (!Array.isArray(versions)) return lacks(options, ["id", "currency", ...priceNames], []);
  const inside = versions.flatMap((one, index) => lacks(one, ["id", ...priceNames], ["versions", index]));
  return [...lacks(options, ["currency"], []), ...inside];
}

function checkVersion(one: PriceVersionOptions, path: Path): SpecProblem[] {
  const tenants = Object.entries(one.tenants ?? {});
  return [
    ...(one.from !== undefined && one.until !== undefined && one.until <= one.from
      ? [problem(badVersions, [...path, "until"], `it ends with ${one.until}, before it begins`)]
      : []),
    ...priceNames.flatMap((name) => checkSteps(one[name], [...path, name])),
    ...Object.keys(one.plans ?? {}).flatMap((name) => {
      const wrong = nameProblem("plan", name, [...path, "plans", name]);
      return wrong === undefined ? [] : [wrong];
    }),
    ...tenants.flatMap(([name, { prices = {} }]) => [
      ...(isName(name) ? [] : [problem(wrongType, [...path, "tenants", name], `${shown(name)} is no tenant's name`)]),
      ...priceNames.flatMap((which) => checkSteps(prices[which], [...path, "tenants", name, "prices", which])),
    ]),
  ];
}

/** The month in which one ends is the month in which the next begins; only the first has no beginning, only the last no end. */
function follows(versions: readonly PriceVersionOptions[], index: number): SpecProblem[] {
  const [before, one] = [versions[index - 1], versions[index]];
  if (before === undefined || one === undefined) return [];
  const at: Path = ["versions", index, "from"];
  if (one.from === undefined)
    return [problem(badVersions, at, "only the first version can do without its first month")];
  const end = before.until ?? one.from;
  if (before.from !== undefined && one.from <= before.from)
    return [problem(badVersions, at, `it begins in ${one.from}, and the version before it in ${before.from}`)];
  if (end === one.from) return [];
  const what = end > one.from ? `two versions are in force in ${one.from}` : `no version is in force in ${end}`;
  return [problem(badVersions, at, what)];
}

function checkSteps(value: unknown, path: Path): SpecProblem[] {
  if (!Array.isArray(value)) return [];
  const list = value as StepOptions[];
  const at = (text: unknown): number => (isText(text) ? (amountMicros(text) ?? 0) : 0);
  return list.flatMap((one, index) => {
    const begins = index === 0 ? 0 : at(list[index - 1]?.upTo);
    const from = one.from === undefined ? begins : at(one.from);
    const problems: SpecProblem[] = [];
    const say = (key: string, message: string) => problems.push(problem(badSteps, [...path, index, key], message));
    if (from < begins) say("from", `it begins at ${one.from}, inside the step before it`);
    if (from > begins) say("from", `it begins at ${one.from}, and nothing is said of what lies before`);
    const isLast = index === list.length - 1;
    if (isLast && one.upTo !== undefined) say("upTo", `nothing is said of what lies above ${one.upTo}`);
    if (!isLast && one.upTo === undefined) say("upTo", "only the last step goes on without an end");
    if (one.upTo !== undefined && at(one.upTo) <= begins)
      say("upTo", `it ends at ${one.upTo}, where it begins or before`);
    return problems;
  });
}
