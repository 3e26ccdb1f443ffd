import { quoteIdent } from "../../../platform/sql/index.ts";
import { scalarColumn } from "../plan/call.ts";
import type { CallPlan } from "../plan/types.ts";
import type { Argument } from "../schema/types.ts";
import { qualified, type Writer } from "./writer.ts";

/** The call as an item of a from clause, named r0. */
export function callSource(plan: CallPlan, writer: Writer): string {
  const { routine } = plan;
  const call = `${qualified(routine)}(${argumentsSql(plan, writer)})`;
  const item =
    routine.result.kind === "rows" ? `${call} as r0` : `(select ${call} as ${quoteIdent(scalarColumn)}) as r0`;
  if (plan.arguments.kind !== "body" || plan.arguments.names.length === 0) return item;
  const list = plan.arguments.names.map((name) => `${quoteIdent(name)} ${typeOf(plan, name)}`).join(", ");
  const body = `pg_catalog.json_to_record(${writer.param({ kind: "body" })}::json) as a(${list})`;
  return `${body} cross join lateral ${item}`;
}

function argumentsSql({ arguments: given, routine }: CallPlan, writer: Writer): string {
  switch (given.kind) {
    case "raw":
      return `${writer.param({ kind: "body" })}::${routine.arguments[0]?.type ?? "text"}`;
    case "body":
      return routine.arguments
        .filter(({ name }) => given.names.includes(name))
        .map((one) => `${prefix(one)}${quoteIdent(one.name)} => a.${quoteIdent(one.name)}`)
        .join(", ");
    case "query":
      return routine.arguments
        .flatMap((one) => {
          const slots = given.slots.get(one.name);
          if (slots === undefined) return [];
          const [slot = 0] = slots;
          const value = one.isVariadic ? writer.param({ kind: "slots", slots }) : writer.slot(slot);
          return [`${prefix(one)}${quoteIdent(one.name)} => ${value}::${one.type}`];
        })
        .join(", ");
  }
}

const prefix = ({ isVariadic }: Argument) => (isVariadic ? "variadic " : "");

const typeOf = ({ routine }: CallPlan, name: string) =>
  routine.arguments.find((one) => one.name === name)?.type ?? "text";
