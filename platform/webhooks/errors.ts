import { defineError } from "../core/index.ts";

export const webhookSecretUnfit = defineError({
  code: "NEB736",
  status: 422,
  title: "A secret cannot sign webhooks",
  retry: false,
  hint: "Store whsec_ and 24 to 64 bytes in base64 under the name that the webhook refers to (nebula secret set), then deploy again. Messages wait until then.",
});
