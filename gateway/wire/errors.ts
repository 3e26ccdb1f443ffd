import { defineError } from "../../platform/core/index.ts";

export const gatewayPortTaken = defineError({
  code: "NEB700",
  status: 500,
  title: "The gateway's port is taken",
  retry: false,
  hint: "Stop the program that listens there, or choose other ports: nebula up --port N takes N+90 to N+94 for the gateway.",
});
