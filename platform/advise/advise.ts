import type { ApiSpec } from "../spec/index.ts";
import { exposureLints } from "./exposure.ts";
import type { AdviceLevel, AdviceLint } from "./lint.ts";
import { policyLints } from "./policies.ts";
import { prelude } from "./prelude.ts";
import { structureLints } from "./structure.ts";

export type Advice = {
  readonly id: string;
  readonly level: AdviceLevel;
  readonly title: string;
  /** What it is about, as SQL names it. */
  readonly object: string;
  readonly detail: string;
  /** SQL that mends it, or a comment that says what it takes. */
  readonly fix: string;
  /** Below the documentation. */
  readonly doc: string;
};

export const adviceLints: readonly AdviceLint[] = [...exposureLints, ...policyLints, ...structureLints];

const byId = new Map(adviceLints.map((lint) => [lint.id, lint]));
const levels: readonly AdviceLevel[] = ["error", "warn", "info"];
/** Of one lint: a schema with ten thousand tables is not told the same ten thousand times. */
const mostOfOne = 100;

/** One select over the catalog; its rows are `id`, `object`, `detail`, `fix`. Parameters: `adviceParameters`. */
export function adviceSql({ history }: { readonly history: boolean }): string {
  const asked = adviceLints.filter(({ needsHistory }) => history || needsHistory === undefined);
  const selects = asked.map(
    ({ id, sql }) =>
      `(select '${id}' as id, object::text, detail::text, fix::text from (${sql}) found order by object, detail limit ${mostOfOne})`,
  );
  return `${prelude}\n${selects.join("\nunion all\n")}`;
}

/** What a declaration says of its data API, as arrays of Postgres's. Without one nothing is in the API. */
export function adviceParameters(api: ApiSpec | undefined): readonly string[] {
  if (api === undefined) return ["{}", "{}", "{}"];
  const roles = ["authenticated", ...(api.anonymous ? ["anon"] : []), ...api.roles];
  return [api.schemas, api.exposeWithoutRls, roles].map(arrayLiteral);
}

const arrayLiteral = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;

export type AdviceRow = {
  readonly id: string;
  readonly object: string;
  readonly detail: string | null;
  readonly fix: string;
};

/** The worst first. */
export function toAdvice(rows: readonly AdviceRow[]): readonly Advice[] {
  return rows
    .flatMap(({ id, object, detail, fix }) => {
      const lint = byId.get(id);
      if (lint === undefined) return [];
      const { level, title } = lint;
      return [{ id, level, title, object, detail: detail ?? "", fix, doc: `docs/advisors.md#${id}` }];
    })
    .sort(
      (a, b) => levels.indexOf(a.level) - levels.indexOf(b.level) || compare(a.id, b.id) || compare(a.object, b.object),
    );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
