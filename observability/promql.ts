import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** A series that an expression is over. */
export type ReadSeries = {
  readonly name: string;
  /** Labels that it is asked by. */
  readonly matched: readonly string[];
  /** The values that are asked for by `=` and `=~`, each alternative by itself. */
  readonly values: readonly { readonly label: string; readonly value: string }[];
  /** The nearest aggregation around it, `sum` or `max` for example; null: it stands as it is. */
  readonly within: string | null;
};

export type Read = {
  readonly series: readonly ReadSeries[];
  /** Labels that it groups, joins or sorts by. */
  readonly grouped: readonly string[];
  /** Where it is no PromQL, from which byte on; null where all of it is. */
  readonly wrongAt: number | null;
};

/** What an expression asks for, by Prometheus's own grammar. Pure. */
export function readPromql(expr: string): Read {
  const series: ReadSeries[] = [];
  const grouped: string[] = [];
  let wrongAt: number | null = null;
  let inGroup = false;
  parser.parse(expr).iterate({
    enter(node) {
      if (node.type.isError) wrongAt ??= node.from;
      if (node.name === "VectorSelector") series.push(readSeries(expr, node.node));
      if (node.name === "GroupingLabels") inGroup = true;
      if (node.name === "LabelName" && inGroup) grouped.push(expr.slice(node.from, node.to));
    },
    leave(node) {
      if (node.name === "GroupingLabels") inGroup = false;
    },
  });
  return { series, grouped, wrongAt };
}

function readSeries(expr: string, selector: SyntaxNode): ReadSeries {
  const textOf = (node: SyntaxNode | null): string => (node === null ? "" : expr.slice(node.from, node.to));
  const matchers = selector.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
  const read = matchers.map((matcher) => ({
    label: textOf(matcher.getChild("LabelName")),
    how: textOf(matcher.getChild("MatchOp")),
    value: textOf(matcher.getChild("StringLiteral")).slice(1, -1),
  }));
  let around: SyntaxNode | null = selector.parent;
  while (around !== null && around.name !== "AggregateExpr") around = around.parent;
  return {
    name: textOf(selector.getChild("Identifier")),
    matched: read.map(({ label }) => label),
    values: read.flatMap(({ label, how, value }) =>
      how === "=" ? [{ label, value }] : how === "=~" ? value.split("|").map((one) => ({ label, value: one })) : [],
    ),
    within: around === null ? null : textOf(around.getChild("AggregateOp")),
  };
}

/** A dashboard's variables are filled in by Grafana before Prometheus sees them. */
export const withoutVariables = (expr: string): string => expr.replaceAll(/\$\{?\w+\}?/g, "5m");
