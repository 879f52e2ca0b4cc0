export { clientAddress } from './client-address.ts';
export { type Endpoint, endpoint, type EndpointResponse, type Operation } from './endpoint.ts';
export {
  CodedError,
  defineErrors,
  type ErrorTable,
  normalizeError,
  type ProblemOptions,
  storeUnavailable,
} from './errors.ts';
export { type EventStream, openEventStream } from './event-stream.ts';
export { type Guard, guard } from './guard.ts';
export { escapeHtml } from './html.ts';
export { accessLog } from './middleware/access-log.ts';
export { jsonBody } from './middleware/body.ts';
export { compressed, compressRoutes } from './middleware/compress.ts';
export { cors } from './middleware/cors.ts';
export { errorHandler, notFound } from './middleware/error-handler.ts';
export { health } from './middleware/health.ts';
export { inOrder } from './middleware/in-order.ts';
export { overload } from './middleware/overload.ts';
export { createRateLimiter } from './middleware/rate-limit.ts';
export { currentLog, requestContext } from './middleware/request-context.ts';
export { securityHeaders } from './middleware/security-headers.ts';
export { staticFiles } from './middleware/static.ts';
export { wellFormed } from './middleware/well-formed.ts';
export { safeRedirect } from './redirect.ts';
export { quickJson } from './json.ts';
export { recordMounts, type Route, route, routesOf } from './route.ts';
export type { Toolkit } from './toolkit.ts';
export { trustProxies } from './trusted-proxies.ts';
export { type Handler, wrap } from './wrap.ts';
