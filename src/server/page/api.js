// Requests to this server's /api/v1/.
import { token } from './session.js';

const TIMEOUT_MS = 25_000;

/** What the server refused, with the code of its error table. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path below /api/v1/
 * @returns {Promise<any>}
 */
export function get(path) {
  return send(path, { method: 'GET' });
}

/**
 * @param {string} path below /api/v1/
 * @param {object | Blob} body JSON, or an image's bytes
 * @returns {Promise<any>}
 */
export function post(path, body) {
  const image = body instanceof Blob;
  const type = image ? 'application/octet-stream' : 'application/json';
  return send(path, { method: 'POST', body: image ? body : JSON.stringify(body), headers: { 'content-type': type } });
}

/**
 * @param {string} path
 * @param {RequestInit & { headers?: Record<string, string> }} request
 */
async function send(path, request) {
  const headers = { ...request.headers, ...(token() === '' ? {} : { authorization: `Bearer ${token()}` }) };
  const response = await fetch(`/api/v1/${path}`, {
    ...request,
    headers,
    credentials: 'omit',
    cache: 'no-store',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined;
  if (response.ok) return json;
  const error = json?.error ?? { code: 'refused', message: text.trim() };
  throw new Refused(response.status, String(error.code), String(error.message));
}
