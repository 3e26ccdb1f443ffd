// What `pulumi up` runs: the project of the selected stack, read from tenants/.
export * from "@nebuladb/platform/program";
