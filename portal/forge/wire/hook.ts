import type { RepositoryCall } from "../http/route.ts";
import type { Delivery } from "../store/deliveries.ts";
import type { Hook } from "../store/hooks.ts";
import { timestamp } from "./values.ts";

export function hookToWire({ context, repository }: Pick<RepositoryCall, "context" | "repository">, hook: Hook) {
  const url = context.urls.repo(repository, `/hooks/${hook.id}`);
  return {
    type: "Repository",
    id: hook.id,
    name: "web",
    active: hook.active,
    events: hook.events,
    config: {
      content_type: hook.contentType,
      insecure_ssl: hook.insecureSsl ? "1" : "0",
      url: hook.url,
      ...(hook.secretSealed === null ? {} : { secret: "********" }),
    },
    created_at: timestamp(hook.createdAt),
    updated_at: timestamp(hook.updatedAt),
    url,
    test_url: `${url}/tests`,
    ping_url: `${url}/pings`,
    deliveries_url: `${url}/deliveries`,
    last_response: { code: hook.lastCode, status: hook.lastStatus, message: hook.lastMessage },
  };
}

export const deliverySummary = (delivery: Delivery) => ({
  id: delivery.id,
  guid: delivery.guid,
  delivered_at: timestamp(delivery.deliveredAt ?? delivery.createdAt),
  redelivery: delivery.redelivery,
  duration: Math.round(delivery.durationMs) / 1000,
  status: delivery.status,
  status_code: delivery.statusCode,
  event: delivery.event,
  action: delivery.action,
  installation_id: delivery.installation,
  repository_id: delivery.repository,
  throttled_at: null,
});

export function deliveryToWire(_call: RepositoryCall, hook: Hook, delivery: Delivery) {
  return {
    ...deliverySummary(delivery),
    url: hook.url,
    request: { headers: delivery.requestHeaders, payload: JSON.parse(delivery.payload) },
    response: { headers: delivery.responseHeaders ?? {}, payload: delivery.responseBody ?? "" },
  };
}
