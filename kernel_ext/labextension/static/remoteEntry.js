// What JupyterLab and Notebook 7 load of us, written by hand as a module-federation container: no build, nothing bundled.
//
// For every notebook:
// - a kernel whose cluster is ready asks for its dashboards, and dask-labextension opens them beside the notebook;
// - a restarted kernel whose notebook has a cluster loads our extension, which finds it again and says so in a line;
// - a sizing panel whose kernel is gone becomes the table that is saved of it;
// - what the notebook says of itself as a job is changed in the document that is open, which is then saved.
//
// A kernel's message chooses the cluster, by its name, or gives that one entry of its own notebook's metadata, and nothing
// else: no command, address or code comes from it.
(function () {
  const ID = 'dask-dataproc';
  const NAME = /^[a-z]([-a-z0-9]{0,49}[a-z0-9])?$/;
  const POPULATE = 'dask:populate-dashboard-url';
  const LAUNCH = 'dask:launch-dashboard';
  const LAYOUT = 'dask:launch-layout'; // never run: it takes the cursor, and what is typed would be commands
  const PANE = 'dask-dashboard-'; // how the id of each pane begins
  const REATTACH = 'get_ipython().extension_manager.load_extension("dask_dataproc")';
  const POLL = 200; // milliseconds
  const ANSWERS = 60000; // milliseconds that a dashboard may take to answer, and a cluster to be found again
  const SHOWN = 10000; // milliseconds that a line stays
  const JOB = 'dask_dataproc'; // the entry of a notebook's metadata
  const WIDGET = 'application/vnd.jupyter.widget-view+json';

  let share;
  const use = async name => {
    const versions = Object.values(share[name]);
    return (await (versions.find(version => version.loaded) || versions[0]).get())();
  };

  const within = async (milliseconds, holds) => {
    const end = Date.now() + milliseconds;
    while (!(await holds())) {
      if (Date.now() > end) {
        return false;
      }
      await new Promise(resolve => setTimeout(resolve, POLL));
    }
    return true;
  };

  const clusterOf = async ({ ask }, { path, session }) => {
    const notebook = new URLSearchParams({ path, kernel: session?.kernel?.id ?? '' });
    return (await ask(`dask-dataproc/notebook?${notebook}`)).cluster;
  };

  // Panes open beside what is looked at: so not before that is their notebook.
  const lookedAt = (shell, panel) =>
    new Promise(resolve => {
      const look = () => {
        if (panel.isDisposed || shell.currentWidget === panel) {
          shell.currentChanged.disconnect(look);
          resolve(!panel.isDisposed);
        }
      };
      shell.currentChanged.connect(look);
      look();
    });

  // The panes of dask-labextension's setting, which names each by its route, and by ref the one that it stands by.
  const openPanes = async ({ commands, shell }, panel, plots, layout) => {
    const plain = route => route.replace(/^\//, '').replace(/^individual-/, '');
    const there = route => [...shell.widgets('main')].find(each => each.item && plain(each.item.route) === route);
    const opened = new Map([[null, panel.id]]);
    const open = async (key, { mode, ref }) => {
      opened.set(key, panel.id);
      const beside = opened.get(ref) ?? (await open(ref, layout[ref] ?? {}));
      const [label, route] = Object.entries(plots).find(([_, route]) => plain(route) === plain(key)) ?? [];
      const item = { route, label: label?.replace('Individual ', '') };
      const options = { mode, ref: beside, activate: false };
      const pane = route && (there(plain(route)) ?? (await commands.execute(LAUNCH, { item, options })));
      return opened.set(key, pane?.id ?? beside).get(key);
    };
    for (const [key, place] of Object.entries(layout)) {
      await (opened.has(key) || open(key, { ref: null, ...place }));
    }
  };

  // A cluster's dashboards, as the proxy has them: what dask-labextension takes for their address, and their plots.
  const dashboardsOf = ({ serviceManager }, { ask }, cluster) => {
    const path = `proxy/dask-dataproc/${cluster}/`;
    const plots = () => ask(`${path}individual-plots.json`);
    return { url: `${new URL(serviceManager.serverSettings.baseUrl).pathname}${path}status`, plots };
  };

  const some = plots => Object.keys(plots).length > 0;

  const openDashboards = async (app, services, panel, cluster) => {
    const { commands, shell } = app;
    const dashboards = dashboardsOf(app, services, cluster);
    let plots = {};
    const hasPlots = async () => some((plots = await dashboards.plots()));
    if (!commands.hasCommand(LAYOUT) || !(await lookedAt(shell, panel)) || !(await within(ANSWERS, hasPlots))) {
      return; // Notebook 7 has no panes
    }
    await commands.execute(POPULATE, { url: dashboards.url });
    if ((await within(ANSWERS, () => commands.isEnabled(LAYOUT))) && (await lookedAt(shell, panel))) {
      const layout = (await services.settings.load('dask-labextension:plugin')).get('defaultLayout').composite;
      await openPanes(app, panel, plots, layout);
    }
  };

  // dask-labextension, as a page is loaded, may set its default address, an empty one, after that of a cluster, and the
  // panes that Lab has restored then show nothing: whichever comes first, they are given their notebook's cluster again.
  const showAgain = async (app, services, panel) => {
    const { commands, shell } = app;
    await panel.sessionContext.ready;
    const restored = [...shell.widgets('main')].some(each => each.id.startsWith(PANE));
    const cluster = restored && (await clusterOf(services, panel.sessionContext));
    if (cluster) {
      const { url, plots } = dashboardsOf(app, services, cluster);
      await within(ANSWERS, async () => {
        const lost = !commands.isEnabled(LAYOUT);
        const gone = lost && !some(await plots());
        await (lost && !gone && commands.execute(POPULATE, { url }));
        return gone;
      });
    }
  };

  // Not over what somebody else has written meanwhile: the kernel says what it has read.
  const putJob = async ({ same }, context, { job, was }) => {
    const model = context.model;
    if (!same(model.getMetadata(JOB) ?? {}, was)) {
      return 'the open notebook says something else of its job than its file did: save it, and try again';
    }
    if (Object.keys(job).length) {
      model.setMetadata(JOB, job);
    } else {
      model.deleteMetadata(JOB);
    }
    await context.save();
    return model.dirty ? 'JupyterLab could not save the notebook' : '';
  };

  const answer = (app, services, panel, kernel) =>
    kernel?.registerCommTarget(ID, (comm, message) => {
      const { open, cluster, job, was } = message.content.data;
      if (open === 'dashboards' && typeof cluster === 'string' && NAME.test(cluster)) {
        openDashboards(app, services, panel, cluster); // not waited for: the kernel's next messages come after this one
      } else if (job && was) {
        putJob(services, panel.context, { job, was })
          .catch(error => `${error}`)
          .then(refused => comm.close({ refused }));
      }
    });

  const reattach = async ({ ask, tell }, context) => {
    const kernel = context.session?.kernel;
    if (!kernel || !(await clusterOf({ ask }, context))) {
      return;
    }
    const asked = kernel.requestExecute({ code: REATTACH, silent: true, stop_on_error: false }, false);
    const forget = setTimeout(() => asked.dispose(), ANSWERS);
    asked.onIOPub = ({ header, content }) => {
      if (header.msg_type === 'stream' && content.text.trim()) {
        tell(content.text.trim());
        clearTimeout(forget);
        setTimeout(() => asked.dispose());
      }
    };
  };

  // A sizing panel without its kernel's widgets is shown as a saved notebook keeps it, as a table: Lab itself would show
  // and log that a model is missing. What comes back is how to show each with its widgets, by their model.
  const fold = panel => {
    const folded = new Map();
    for (const { outputs } of panel.content.model?.cells ?? []) {
      for (let at = 0; at < (outputs?.length ?? 0); at++) {
        const shown = outputs.get(at).toJSON();
        if (shown.metadata?.[ID] && shown.data?.[WIDGET]) {
          const { [WIDGET]: widget, ...data } = shown.data;
          outputs.set(at, { ...shown, data });
          folded.set(widget.model_id, () => outputs.set(at, shown));
        }
      }
    }
    return folded;
  };

  const unfold = async (context, folded) => {
    await context.ready;
    const kernel = folded.size && context.session?.kernel;
    const { comms } = kernel ? (await kernel.requestCommInfo({ target_name: 'jupyter.widget' })).content : {};
    folded.forEach((show, model) => comms?.[model] && show());
  };

  const watch = (app, services, panel) => {
    const context = panel.sessionContext;
    let restarting = false;
    panel.context.ready.then(() => unfold(context, fold(panel)));
    answer(app, services, panel, context.session?.kernel);
    context.kernelChanged.connect((_, { oldValue, newValue }) => {
      restarting = restarting && oldValue === newValue; // a restart is told as a change to the same kernel
      answer(app, services, panel, newValue);
    });
    context.statusChanged.connect((_, status) => {
      if (status.endsWith('restarting')) {
        fold(panel);
      } else if (status === 'idle' && restarting) {
        reattach(services, context);
      }
      restarting = status.endsWith('restarting') || (restarting && status !== 'idle');
    });
  };

  const makePlugin = async () => {
    const { INotebookTracker } = await use('@jupyterlab/notebook');
    const { ISettingRegistry } = await use('@jupyterlab/settingregistry');
    const { ServerConnection } = await use('@jupyterlab/services');
    const { JSONExt } = await use('@lumino/coreutils');
    const { Notification } = await use('@jupyterlab/apputils');
    const activate = (app, settings, tracker) => {
      const server = app.serviceManager.serverSettings;
      const ask = async path => {
        const response = await ServerConnection.makeRequest(server.baseUrl + path, {}, server);
        return response.status === 200 ? response.json() : {};
      };
      const same = (one, other) => JSONExt.deepEqual(one, other);
      const services = { ask, same, settings, tell: line => Notification.info(line, { autoClose: SHOWN }) };
      tracker?.forEach(panel => watch(app, services, panel));
      app.restored.then(() => tracker?.currentWidget && showAgain(app, services, tracker.currentWidget));
      tracker?.widgetAdded.connect((_, panel) => watch(app, services, panel));
    };
    return {
      id: 'dask-dataproc:plugin',
      description: 'Dashboards beside the notebook, and the cluster found again after a restart.',
      autoStart: true,
      requires: [ISettingRegistry],
      optional: [INotebookTracker], // pages without notebooks have none
      activate
    };
  };

  const container = {
    init: scope => {
      share = scope;
    },
    get: async () => {
      const plugin = await makePlugin();
      return () => ({ __esModule: true, default: plugin });
    }
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {})[ID] = container;
})();
