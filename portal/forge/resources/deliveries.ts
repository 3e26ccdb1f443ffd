import { now } from "../context.ts";
import { notFound, Refusal } from "../http/refusal.ts";
import { idParam, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { findDelivery, insertDelivery, listDeliveries } from "../store/deliveries.ts";
import type { Hook } from "../store/hooks.ts";
import { deliverySummary, deliveryToWire } from "../wire/hook.ts";

/** What was sent to a hook, newest first by cursor, and sending it again. */
export function deliveryRoutes(theHook: (call: RepositoryCall) => Promise<Hook>) {
  const theDelivery = async (call: RepositoryCall) => {
    const hook = await theHook(call);
    const delivery = await findDelivery(call.context.sql, hook.id, idParam(call, "delivery"));
    if (delivery === undefined) throw notFound();
    return { hook, delivery };
  };
  return [
    repositoryRoute("GET", "/hooks/:id/deliveries", ["repository_hooks:read"], async (call) => {
      const hook = await theHook(call);
      const size = Math.min(Math.max(Number(call.query.get("per_page")) || 30, 1), 100);
      const cursor = call.query.get("cursor");
      if (cursor !== null && !/^v1_[0-9]{1,15}$/.test(cursor)) throw new Refusal(400, "Invalid cursor");
      const found = await listDeliveries(
        call.context.sql,
        hook.id,
        cursor === null ? null : Number(cursor.slice(3)),
        size + 1,
      );
      const shown = found.slice(0, size);
      const last = shown.at(-1);
      const body = shown.map(deliverySummary);
      return found.length > size && last !== undefined
        ? { body, page: { hasNext: true, nextCursor: `v1_${last.id}` } }
        : { body };
    }),
    repositoryRoute("GET", "/hooks/:id/deliveries/:delivery", ["repository_hooks:read"], async (call) => {
      const { hook, delivery } = await theDelivery(call);
      return { body: deliveryToWire(call, hook, delivery) };
    }),
    repositoryRoute("POST", "/hooks/:id/deliveries/:delivery/attempts", ["repository_hooks:write"], async (call) => {
      const { hook, delivery } = await theDelivery(call);
      await insertDelivery(call.context.sql, { ...delivery, at: now(call.context) });
      call.context.dispatcher.wake([hook.id]);
      return { status: 202, body: {} };
    }),
  ];
}
