// The page's start and its rhythm: it asks the server once a second while somebody looks, and seldom when that fails.
import { get, Refused } from './api.js';
import { Classify } from './classify.js';
import { byId, visible } from './dom.js';
import { showEngine } from './engine.js';
import { duration } from './format.js';
import { HeadView } from './head.js';
import { chosenHead, showHeads } from './heads.js';
import { setToken, token } from './session.js';
import { onSpan } from './span.js';
import { Traffic } from './traffic.js';

const EVERY_MS = 1000;
const ENGINE_EVERY = 5;
const LONGEST_WAIT_MS = 15_000;

const traffic = new Traffic();
const classify = new Classify();
/** @type {HeadView | undefined} */
let view;
/** @type {number | undefined} */
let timer;
let turns = 0;
let failures = 0;
let startedAtMs = 0;
let asking = false;
let again = false;

/** One round of questions; the next is asked for when it is over. */
async function refresh() {
  clearTimeout(timer);
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    await ask();
    failures = 0;
  } catch (error) {
    failures++;
    tellFailure(error);
  }
  asking = false;
  const wait = again ? 0 : Math.min(EVERY_MS * 2 ** failures, LONGEST_WAIT_MS);
  again = false;
  if (!document.hidden && !byId('token-box', HTMLDialogElement).open) {
    timer = setTimeout(refresh, failures === 0 && wait > 0 ? EVERY_MS : wait);
  }
}

async function ask() {
  const overview = await get(`overview?since=${traffic.since}`);
  if (overview.startedAtMs !== startedAtMs) {
    // Another process: what is known of the one before is its own.
    if (startedAtMs !== 0) traffic.clear();
    startedAtMs = overview.startedAtMs;
    view?.history.clear();
  }
  tellState(overview);
  traffic.show(overview);
  await showHead(overview);
  if (turns++ % ENGINE_EVERY === 0) await engine();
}

async function engine() {
  showEngine(await get('engine'), () => void engine().catch(tellFailure));
}

/** @param {any} overview */
async function showHead(overview) {
  const names = overview.heads.map((/** @type {any} */ { name }) => name);
  const wanted = chosenHead();
  const name =
    wanted !== undefined && (names.includes(wanted) || overview.headCount > names.length) ? wanted : names[0];
  showHeads(overview, name);
  byId('head').hidden = name === undefined;
  byId('classify').hidden = name === undefined;
  if (name === undefined) return;
  if (view === undefined || view.name !== name) {
    view?.close();
    view = new HeadView(name, () => void refresh());
  }
  const shown = view;
  const head = await get(`heads/${encodeURIComponent(name)}?since=${shown.since}`);
  shown.show(head);
  classify.use(name, head.may);
}

/** @param {any} overview */
function tellState({ ready, waitingFor, natsConnected, version, now, caller, roles }) {
  const status = byId('status');
  const waits = Object.values(waitingFor).join('; ');
  const text = !ready
    ? `Not ready: ${visible(waits || 'see /readyz')}`
    : natsConnected
      ? 'Ready'
      : 'Ready, NATS is away';
  if (status.textContent !== text) status.textContent = text;
  status.className = `pill ${!ready ? 'bad' : natsConnected ? 'good' : 'warn'}`;
  const who = caller.name === null ? '' : ` · ${visible(caller.name)} (${caller.scopes.join(', ') || 'no scope'})`;
  byId('about').textContent = `Version ${version}, up ${duration(now - startedAtMs)}, ${roles.join(' + ')}${who}`;
  byId('token-open').hidden = !caller.authenticated;
  const problem = byId('problem');
  if (problem.dataset.by !== 'act') problem.hidden = true;
}

/** @param {unknown} error */
function tellFailure(error) {
  if (error instanceof Refused && error.status === 401) {
    byId('status').textContent = 'A token is needed';
    byId('status').className = 'pill warn';
    byId('token-open').hidden = false;
    askForToken(token() === '' ? '' : error.message);
    return;
  }
  const away = !(error instanceof Refused);
  byId('status').textContent = away ? 'No answer' : 'Refused';
  byId('status').className = 'pill bad';
  const problem = byId('problem');
  problem.dataset.by = 'poll';
  problem.textContent = away ? 'The server does not answer. Trying again…' : error.message;
  problem.hidden = false;
}

/** @param {string} problem */
function askForToken(problem) {
  const box = byId('token-box', HTMLDialogElement);
  byId('token-problem').textContent = problem;
  if (!box.open) box.showModal();
}

function listen() {
  const text = byId('token-text', HTMLInputElement);
  byId('token-open').addEventListener('click', () => askForToken(''));
  byId('token-form').addEventListener('submit', () => {
    if (text.value.trim() !== '') setToken(text.value.trim());
    text.value = '';
  });
  byId('token-forget').addEventListener('click', () => {
    setToken('');
    location.reload();
  });
  byId('token-box').addEventListener('close', () => {
    failures = 0;
    turns = 0;
    // Without one there is nothing to ask.
    if (token() !== '') void refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void refresh();
  });
  onSpan(() => void refresh());
  addEventListener('hashchange', () => void refresh());
}

listen();
void refresh();
