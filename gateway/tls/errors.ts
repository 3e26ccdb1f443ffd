import { defineError } from "../../platform/core/index.ts";

export const certificateUnusable = defineError({
  code: "NEB701",
  status: 500,
  title: "The gateway's certificate cannot be used",
  retry: false,
  hint: "Give a certificate chain and its key, both as PEM: NEBULA_GATEWAY_TLS_CERT and NEBULA_GATEWAY_TLS_KEY; without them the platform makes its own.",
});
