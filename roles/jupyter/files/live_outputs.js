// Copyright: remote.notebooks contributors
// GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Show in a page what cells print that another device runs, or ran before it was gone.
//
// The notebook that a page loads has the outputs until that moment, if their browser is gone (durable_outputs.py).
// Jupyter's pages drop each message of an execution that they did not start themselves. So this asks the server which
// cells other devices run, and puts their messages into the page, except those that the server's answer contains: the
// answer and the messages come on two connections, and either may be the faster one. Jupyter Server forwards messages
// only some moments after a page is connected, and one that is printed in between comes on neither. So the number of
// messages is compared with the server's, again and again and at the end. If the other browser is there, it saves
// them itself: then this page has nothing new to save.
//
// One file for both kinds of pages: the classic ones load it as an extension of theirs, JupyterLab as a
// container of module federation (https://webpack.js.org/concepts/module-federation/).
(function () {
  'use strict';

  const OUTPUTS = ['stream', 'display_data', 'execute_result', 'error', 'clear_output'];

  // Follow the executions of one kernel. `page` knows the kind of page:
  //   ask(path)             the server's answer
  //   find(id, code)        the cell with this identifier; the classic pages also know one by its text
  //   text(cell)            its text
  //   set(cell, outputs)    show these outputs
  //   put(cell, message)    show one message more
  //   count(cell, number)   show the number of the execution; null: it runs
  //   unchanged(action)     do it, and leave the page as saved, or as unsaved, as it was
  function follower(page, kernelId, session) {
    const others = new Map(); // executions that this page did not start, by the identifier of the request
    const own = new Set(); // those that it started, and lacks messages of
    const done = new Set(); // those of others that it has shown to their end
    const compared = new Set(); // those whose messages are counted

    function arrived(message) {
      const parent = message.parent_header || {};
      const id = parent.msg_id;
      const ended = message.header.msg_type === 'status' && message.content.execution_state === 'idle';
      const followed = others.get(id);
      if (followed && followed.queue) {
        followed.queue.push(message);
      } else if (followed && !followed.recent.has(message.header.msg_id)) {
        show(id, followed, message, ended);
      } else if (ended && own.has(id)) {
        setTimeout(refresh, 500); // the server has heard the same message by then
      } else if (message.header.msg_type === 'execute_input' && parent.session !== session) {
        setTimeout(() => follow(false).catch(console.warn), 500); // another device runs a cell
      }
    }

    function end(id) {
      others.delete(id);
      done.add(id);
    }

    // Ask for all outputs again, later: from now on, messages wait for that.
    function again(id, followed, messages, milliseconds) {
      others.set(id, Object.assign({}, followed, { queue: [], messages: messages }));
      setTimeout(() => refresh().catch(console.warn), milliseconds);
    }

    // Do something with the cell of another execution than the page's own.
    function change(followed, action) {
      if (followed.present) {
        page.unchanged(action);
      } else {
        action();
      }
    }

    function show(id, followed, message, ended) {
      if (message.header.msg_type === 'update_display_data') {
        again(id, followed, -1, 1000); // an output in the middle is another one
      } else if (OUTPUTS.includes(message.header.msg_type)) {
        followed.messages += 1;
        change(followed, () => page.put(followed.cell, message));
      } else if (ended) {
        change(followed, () => page.count(followed.cell, followed.count));
        again(id, followed, followed.messages, 500); // the server has heard the same message by then
      }
    }

    async function ask(outputs) {
      const path = `api/durable-outputs/${kernelId}?session=${encodeURIComponent(session)}&outputs=${outputs}`;
      return (await page.ask(path)).executions;
    }

    // First learn which messages to keep: all that come after it are kept, none is missing and none comes twice.
    // After a new connection, those that are followed already lack messages.
    async function follow(connected) {
      for (const each of await ask(0)) {
        const cell = page.find(each.cell_id, each.code);
        if (cell && each.mine) {
          own.add(each.id);
        } else if (cell && page.text(cell) === each.code && !done.has(each.id) && (connected || !others.has(each.id))) {
          others.set(each.id, { cell: cell, queue: [], count: each.count, present: each.present });
          if (!compared.has(each.id)) {
            compared.add(each.id);
            setTimeout(() => compare(each.id, each.messages), 1000);
          }
        }
      }
      if (own.size || others.size) {
        await refresh();
      }
    }

    async function refresh() {
      const before = new Map(others); // a queue that begins after the question lacks messages of the answer
      const found = await ask(1);
      for (const [id, followed] of before) {
        if (followed.queue && followed === others.get(id) && !found.some(each => each.id === id)) {
          others.delete(id); // saved in the meantime
        }
      }
      for (const each of found) {
        const followed = before.get(each.id) === others.get(each.id) ? before.get(each.id) : undefined;
        if (each.mine && each.finished && own.has(each.id)) {
          const cell = page.find(each.cell_id, each.code);
          setTimeout(() => own.delete(each.id), 10000); // late messages come before that, and are followed by their end
          if (cell) {
            page.set(cell, each.outputs);
            page.count(cell, each.count);
          }
        } else if (followed && followed.queue) {
          join(each, followed);
        }
      }
    }

    function join(each, followed) {
      const queue = followed.queue;
      const lacks = followed.messages !== each.messages;
      followed.queue = null;
      followed.recent = new Set(each.recent);
      followed.messages = each.messages;
      change(followed, () => {
        if (lacks) {
          page.set(followed.cell, each.outputs);
        }
        page.count(followed.cell, each.finished ? each.count : null);
      });
      if (each.finished) {
        end(each.id);
        return;
      }
      queue.forEach(arrived);
    }

    // Find out whether a message came nowhere: `messages` is the server's number of a second ago, or more.
    async function compare(id, messages) {
      const followed = others.get(id);
      if (!followed) {
        compared.delete(id);
        return;
      }
      let next = messages;
      try {
        const each = (await ask(0)).find(one => one.id === id);
        next = each ? each.messages : 0;
        const lacks = !each || each.finished || followed.queue || followed.messages < messages;
        if (lacks && followed === others.get(id)) {
          again(id, followed, followed.messages, 0);
        }
      } catch (error) {
        console.warn(error); // the server restarts, or the network is gone
      }
      setTimeout(() => compare(id, next), 3000);
    }

    return { arrived: arrived, follow: () => follow(true).catch(console.warn) };
  }

  // --- JupyterLab and Notebook 7

  function labPlugin(notebook, services) {
    return {
      id: 'remote-notebooks-durable:live',
      autoStart: true,
      requires: [notebook.INotebookTracker],
      activate: (app, tracker) => {
        const followed = (_, panel) => followPanel(panel, services);
        tracker.widgetAdded.connect(followed);
        tracker.forEach(panel => followed(tracker, panel));
      }
    };
  }

  function followPanel(panel, services) {
    const settings = services.ServerConnection.makeSettings();
    const page = {
      ask: async path => {
        const answer = await services.ServerConnection.makeRequest(settings.baseUrl + path, {}, settings);
        if (!answer.ok) {
          throw new services.ServerConnection.ResponseError(answer);
        }
        return answer.json();
      },
      find: id => panel.content.widgets.find(each => each.model.type === 'code' && each.model.id === id),
      text: cell => cell.model.sharedModel.getSource(),
      unchanged: action => {
        const model = panel.context.model;
        const dirty = model.dirty;
        action();
        model.dirty = dirty;
      },
      set: (cell, outputs) => {
        cell.outputArea.model.clear();
        outputs.forEach(each => cell.outputArea.model.add(each));
      },
      put: (cell, message) => {
        const model = cell.outputArea.model;
        if (message.header.msg_type === 'clear_output') {
          model.clear(message.content.wait);
        } else {
          model.add(Object.assign({ output_type: message.header.msg_type }, message.content, { transient: undefined }));
        }
      },
      count: (cell, count) => {
        cell.model.executionCount = count;
        cell.setPrompt(count === null ? '*' : String(count));
      }
    };
    const known = new WeakMap();
    const start = () => {
      const session = panel.sessionContext.session;
      const kernel = session && session.kernel;
      if (!kernel || kernel.connectionStatus !== 'connected') {
        return;
      }
      if (!known.has(kernel)) {
        const watch = follower(page, kernel.id, kernel.clientId);
        known.set(kernel, watch);
        kernel.iopubMessage.connect((_, message) => watch.arrived(message));
      }
      panel.context.ready.then(known.get(kernel).follow);
    };
    panel.sessionContext.connectionStatusChanged.connect(start);
    panel.sessionContext.kernelChanged.connect(start);
    start();
  }

  function container() {
    let scope = {};
    const shared = async name => {
      const versions = scope[name];
      const factory = await versions[Object.keys(versions)[0]].get();
      return factory();
    };
    return {
      init: given => {
        scope = given;
      },
      get: async () => {
        const plugin = labPlugin(await shared('@jupyterlab/notebook'), await shared('@jupyterlab/services'));
        return () => ({ __esModule: true, default: plugin });
      }
    };
  }

  // --- the classic pages

  function followClassic(events, utils) {
    const pages = new WeakMap();
    const notebook = () => window.Jupyter && window.Jupyter.notebook;
    const cells = () => notebook().get_cells().filter(each => each.cell_type === 'code');

    // Say, as JupyterLab does, which cell a request belongs to.
    function name(kernel) {
      const before = kernel._get_msg;
      kernel._get_msg = function (kind, content, metadata, buffers) {
        if (kind === 'execute_request' && !content.silent) {
          const runs = cells().filter(each => each.element.hasClass('running') && !each.last_msg_id);
          const cell = runs.find(each => each.get_text() === content.code);
          metadata = cell && cell.id ? Object.assign({ cellId: cell.id }, metadata) : metadata;
        }
        return before.call(kernel, kind, content, metadata, buffers);
      };
    }

    function page(kernel) {
      const made = {
        ask: path => {
          const url = utils.url_path_join(notebook().base_url, path);
          return utils.promising_ajax(url, { type: 'GET', dataType: 'json', cache: false });
        },
        find: (id, code) => cells().find(each => each.id === id) || cells().find(each => each.get_text() === code),
        text: cell => cell.get_text(),
        unchanged: action => {
          const dirty = notebook().dirty;
          action();
          notebook().set_dirty(dirty);
        },
        set: (cell, outputs) => {
          cell.output_area.clear_output(false, true);
          cell.output_area.fromJSON(outputs, {});
          events.trigger('set_dirty.Notebook', { value: true });
        },
        put: (cell, message) => {
          const callbacks = cell.get_callbacks().iopub;
          (message.header.msg_type === 'clear_output' ? callbacks.clear_output : callbacks.output)(message);
        },
        count: (cell, count) => {
          cell.element.toggleClass('running', count === null);
          cell.set_input_prompt(count === null ? '*' : count);
        }
      };
      return follower(made, kernel.id, kernel.session_id);
    }

    function start(_, data) {
      const kernel = data.kernel;
      if (!notebook() || !notebook().get_cells) {
        return;
      }
      let known = pages.get(kernel);
      if (!known) {
        known = page(kernel);
        pages.set(kernel, known);
        name(kernel);
        const before = kernel._handle_iopub_message;
        kernel._handle_iopub_message = function (message) {
          known.arrived(message);
          return before.call(kernel, message);
        };
      }
      known.follow();
    }
    return {
      load_ipython_extension: () => {
        events.on('kernel_connected.Kernel', start);
        const kernel = notebook() && notebook().kernel;
        if (kernel && kernel.is_connected()) {
          start(null, { kernel: kernel });
        }
      }
    };
  }

  if (typeof define === 'function' && define.amd) {
    define(['base/js/events', 'base/js/utils'], followClassic);
  } else {
    window._JUPYTERLAB = window._JUPYTERLAB || {};
    window._JUPYTERLAB['remote-notebooks-durable'] = container();
  }
})();
