// What `pulumi up` runs: the project of the selected stack, read from tenants/.
import "@nebuladb/platform/program";
