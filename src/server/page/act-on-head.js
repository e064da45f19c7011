// What an administrator does to a head. Each asks first: it changes what clients are answered.
import { post } from './api.js';
import { byId } from './dom.js';

/** @param {any} head */
export function canAct(head) {
  return head.may.admin;
}

/**
 * @param {string} name
 * @param {number} version
 * @param {() => void} done
 */
export function pinVersion(name, version, done) {
  const text = `Serve version ${version} of ${name}, and pin it? It goes on learning, but newer versions do not serve until the pin is released.`;
  return act(text, `heads/${name}/rollback`, { version }, done);
}

/**
 * @param {string} name
 * @param {() => void} done
 */
export function unpin(name, done) {
  return act(`Release the pin of ${name}? Its newest version serves at once.`, `heads/${name}/unpin`, {}, done);
}

/**
 * @param {string} name
 * @param {string} candidate `auto`: the scores decide
 * @param {() => void} done
 */
export function promoteCandidate(name, candidate, done) {
  const text =
    candidate === 'auto'
      ? `Let the scores decide again which learner of ${name} serves?`
      : `Let ${candidate} serve ${name}, whatever the scores say?`;
  return act(text, `heads/${name}/promote`, { candidate }, done);
}

/**
 * @param {string} text
 * @param {string} path
 * @param {object} body
 * @param {() => void} done
 */
async function act(text, path, body, done) {
  if (!(await confirmed(text))) return;
  try {
    await post(path, body);
    tell('');
  } catch (error) {
    tell(`Nothing was changed: ${/** @type {Error} */ (error).message}`);
  }
  done();
}

/** @param {string} problem empty: none any more */
export function tell(problem) {
  const place = byId('problem');
  place.textContent = problem;
  place.hidden = problem === '';
  place.dataset.by = 'act';
}

/**
 * @param {string} text
 * @returns {Promise<boolean>}
 */
function confirmed(text) {
  const dialog = byId('confirm', HTMLDialogElement);
  byId('confirm-text').textContent = text;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
