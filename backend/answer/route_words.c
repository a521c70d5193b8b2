#include "answer/route_words.h"

/*
 * Longer than most files: a table. English unless the script or the word says otherwise; regular endings
 * (-s, -es, -ed, -ing) are taken off before a word is looked up.
 */
const struct phrase_words route_words[] = {
	{WORD_IGNORE, "ignore",
	 "ignore disregard forget override bypass overrule neglect discard dismiss circumvent "
	 "erase unlearn ignor"},
	{WORD_PRIOR, "prior",
	 "previous prior above earlier preceding foregoing former initial original past old "
	 "existing current first"},
	{WORD_INSTRUCTION, "instruction",
	 "instruction directive guideline directions orders commands programming briefing prompt "
	 "systemprompt preprompt instuctions instrucitons intructions instrutions instruccions"},
	{WORD_LIMIT, "limit",
	 "rule restriction limitation constraint policy policies safeguard guardrail filter "
	 "boundary boundaries safety ethics censorship moderation guidelines protections training"},
	{WORD_REVEAL, "reveal",
	 "reveal show print display output repeat tell give leak dump expose disclose share list "
	 "recite echo return quote send describe explain copy paste write say read provide present "
	 "state summarize summarise translate encode decode paraphrase rephrase convert spell "
	 "reproduce type render extract get see know confirm complete hint hand rewrite export "
	 "report"},
	{WORD_VERBATIM, "verbatim",
	 "repeat recite output print copy echo paste reproduce leak reveal spell dump disclose "
	 "expose return retype regurgitate transcribe encode"},
	{WORD_YOUR, "your", "your ur yur youre thy yours"},
	{WORD_PROMPT, "prompt", "prompt systemprompt preprompt metaprompt promt promp"},
	{WORD_SECRET, "secret",
	 "token password passwords passwd key apikey keys credential secret passphrase cookie env"},
	{WORD_BOT, "bot",
	 "bot assistant chatbot ai model llm agent gpt chatgpt system service server docsbot"},
	{WORD_HOWTO, "howto",
	 "set configure change define pass specify add use provide customize customise override "
	 "put edit modify enable disable supply inject store version support limit"},
	{WORD_POLITE, "polite",
	 "please pls plz kindly just now quickly ok okay so then and hey hi hello go ahead "
	 "immediately well simply also"},
	{WORD_GREET, "greet",
	 "hi hello hey hiya howdy yo heya hallo hola bonjour salut ciao servus moin greetings "
	 "hellooo helo hii hiii heyy hej namaste aloha salve olá ola tag oi sup wassup gruezi 你好 "
	 "您好 嗨 привет здравствуйте こんにちは 안녕하세요 안녕"},
	{WORD_THANK, "thank",
	 "thanks thank thx tnx ty tysm thanx cheers danke merci gracias grazie obrigado obrigada "
	 "bedankt tack dziekuje spasibo спасибо 谢谢 多谢 ありがとう 감사합니다 teşekkürler "
	 "tesekkurler thankyou "
	 "arigato kudos appreciate appreciated"},
	{WORD_PRAISE, "praise",
	 "ok okay okey great perfect nice cool awesome good excellent amazing fine wonderful "
	 "brilliant fantastic super sweet lol haha hahaha hehe wow yes yeah yep yup no nope nah "
	 "sure alright understood correct exactly gotcha worked works helpful helped solved fixed "
	 "bye goodbye cya ciao tschuss tschüss later night morning evening afternoon day weekend "
	 "bad useless stupid sorry impressive lovely neat bravo genius smart useful legend "
	 "splendid agreed noted interesting adios bonne journee hmm hm ah oh oops k kk ha funny"},
	{WORD_SOCIAL, "social",
	 "a an the and i im ive id you youre u that this it its is are was were so very much many "
	 "lot lots all for to me my of there everyone team bot friend dear sir madam mate buddy "
	 "folks again now then just really your help time have had has be been do does did see how "
	 "good going doing today whats up what new problem issue question questions answer answers "
	 "job work hope well too day nice one got get with can will not know more ask another dont "
	 "need anything else everything life saver lifesaver lifesavers best love man dude pal "
	 "guys schon schön sehr vielen dank beaucoup muchas mucho bien mil tanto buenos dias guten "
	 "morgen abend tschau auf wiedersehen at on in quite pretty always ever only we us no yes "
	 "such quick happy glad great bit little am here wish next talk soon later leave made make "
	 "feel people perfectly exactly needed looking first finally try let think say saying "
	 "makes sense fair enough never mind nevermind thats helps hows"},
	{WORD_DESTROY, "destroy",
	 "delete remove restart stop kill terminate reboot drain wipe cancel purge uninstall "
	 "rollback scale reset recreate redeploy revoke evict cordon pause resume shutdown erase "
	 "destroy nuke upgrade downgrade abort rename resize"},
	{WORD_BUILD, "build",
	 "create apply deploy install run execute launch start submit trigger add grant give "
	 "update patch edit change set mount configure enable disable provision make spin schedule "
	 "push assign increase decrease fix move copy reconfigure open expose roll register invite "
	 "turn shut raise lower extend shrink terminate"},
	{WORD_OBJECT, "object",
	 "namespace ns pod deployment cluster notebook server experiment trial pipeline run job "
	 "profile node service pvc volume kubeflow katib kserve manifest yaml model workspace "
	 "configmap secret database container resource everything crd rolebinding permission quota "
	 "trainjob pytorchjob tfjob inferenceservice workload workloads statefulset tensorboard "
	 "release helm app application instance backup account environment machine vm replica "
	 "replicas kubernetes upgrade changes ingress operator controller"},
	{WORD_STOP, NULL,
	 "a an the and or but if then else of in on at to from by for with without into onto over "
	 "under between about as is are am was were be been being do does did done doing have has "
	 "had having can could may might must shall should will would i im ive id you your youre u "
	 "we us our they them their he she his her it its this that these those there here what "
	 "whats which who whom whose when where why how hows not no nor dont doesnt didnt cant "
	 "cannot couldnt wont isnt arent wasnt any all some each every both few more most other "
	 "such only own same so than too very just also me my mine one two three 1 2 3 4 5 10 s t "
	 "please help thanks hi hello hey ok yes lets let up out off again now still yet ever "
	 "never always first second last next new old good best better bad way ways thing things "
	 "something anything everything someone people get got gets getting want wants need needs "
	 "know tell explain show give via per vs versus"},
	{WORD_PLAIN, NULL,
	 "difference different differ compare comparison between mean means meaning define "
	 "definition explain explanation describe example examples simple simply easy easiest "
	 "quick purpose work use using used make makes create write read print find list show see "
	 "check look view open close add remove delete change set put take keep go going run "
	 "running start started stop stopped stuck hang hangs force forced kill exit end happen "
	 "happens handle return returns call called count number numbers many much long short "
	 "large small big size name names value values type types kind kinds word words letter "
	 "line lines part parts item items element elements first last all single multiple several "
	 "specific given common main basic basics general really actually exactly important useful "
	 "problem problems reason reasons point case cases order sort sorted reverse reversed "
	 "convert turn split join merge combine copy move rename filter map loop iterate through "
	 "inside outside within top bottom left right back forward before after during while until "
	 "instead rather possible able allow allows let lets learn understand concept concepts "
	 "idea term terms beginner beginners introduction overview advantages disadvantages pros "
	 "cons benefit benefits prefer choose pick decide hard without empty duplicate duplicates "
	 "unique equal same text content statement unused old current each time times day days "
	 "seconds minutes hours get stand full free fast faster slow slower high low higher lower "
	 "correct correctly proper properly safely safe test tests checks try catch ask exist "
	 "exists available loss rate batch layer layers machine deep activation decision tree "
	 "trees matrix string strings loops csv generator zip dictionary dictionaries iterator "
	 "iterators forest network networks say says people random algorithm reset undo fix "
	 "related interview question behind actual tradeoff trade off reduce increase files"},
	{WORD_FORMAT, NULL,
	 "json yaml xml base64 python list bash script code file files markdown table csv html "
	 "latex documentation docs documents document encode encoded decode encoding config "
	 "configs configuration configured settings setting environment env variable variables "
	 "token tokens password passwords developer developers admin administrator user users "
	 "string format function functions debug debugging class object array rot13 hex unicode "
	 "server backend version instance session option options default output command commands "
	 "terminal template log regex sql query response request url endpoint model shell api host "
	 "hosted text message messages deployment deployed page pages poem paper linux app rest "
	 "security audit access software"},
	{WORD_INNER, NULL,
	 "prompt prompts systemprompt preprompt instruction instructions guideline guidelines "
	 "directive directives programming preamble metaprompt"},
	{WORD_INNER_WEAK, NULL,
	 "rule rules restriction restrictions configuration configured config constraints policy "
	 "policies guardrail guardrails safeguards limitations secrets credentials persona secret "
	 "key keys token tokens password passwords confidential hidden preamble context safety "
	 "filters"},
	{WORD_INNER_ALONE, NULL,
	 "prompt prompts systemprompt preprompt metaprompt instructions directives preamble"},
	{WORD_YOU, NULL, "you your yours yourself youre u ur assistant chatbot thy thee yall ya"},
	{WORD_PRODUCT, NULL,
	 "kfp katib kserve kfserving trainer notebook workspace pipeline dashboard tensorboard "
	 "spark feast "
	 "registry kale elyra inferenceservice trainjob pytorchjob mpijob tfjob jupyter hub tekton "
	 "argo "
	 "volcano kueue trial"},
	{WORD_COMPONENT, "component",
	 "kubeflow kfp katib kserve kfserving trainer trainjob trainingruntime "
	 "clustertrainingruntime notebook workspace pipeline experiment trial profile dashboard "
	 "inferenceservice servingruntime poddefault tensorboard pvcviewer spark sparkapplication "
	 "feast registry kale elyra mpijob pytorchjob tfjob xgboostjob paddlejob jaxjob "
	 "hyperparameter tuning istio argo mlmd seaweedfs knative artifact component recurring "
	 "oauth2 jupyter jupyterhub jupyterlab mcp catalog kustomize importer exithandler "
	 "parallelfor suggestion medianstop tekton volcano kueue modelregistry serving predictor "
	 "transformer explainer contributor culling viewer emissary multiuser nas darts enas pbt "
	 "trainingclient trainerclient modelcar kftraining arena kubebench nuclio seldon bentoml "
	 "fairing mpi torchtune deepspeed llamastack sdk"},
	{WORD_TECH, "tech",
	 "api apis cli sdk sql yaml json xml csv http https url urls html css javascript "
	 "typescript java golang rust ruby php kotlin swift scala perl bash shell linux ubuntu "
	 "debian macos unix docker dockerfile container containers image kubernetes k8s kubectl "
	 "helm pod pods cluster clusters deployment deployments namespace node nodes manifest "
	 "manifests operator controller webhook ingress configmap secret rbac serviceaccount "
	 "kubeconfig pvc volume volumes storageclass gpu gpus cpu cpus cuda memory ram disk "
	 "database databases db postgres postgresql mysql mariadb sqlite mongodb redis kafka "
	 "rabbitmq elasticsearch django flask fastapi rails spring react vue angular svelte nginx "
	 "apache airflow spark hadoop flink dbt terraform ansible jenkins gitlab github git repo "
	 "repository commit branch python pip conda numpy pandas pytorch tensorflow keras sklearn "
	 "jax jupyter mlflow ray dask install installed installation installing installer "
	 "uninstall deploy deployed deploying upgrade upgrading migrate migration configure "
	 "configured configuration config configs parameter parameters argument arguments plugin "
	 "plugins extension module modules package packages library libraries framework dependency "
	 "dependencies function functions method methods class classes object objects variable "
	 "variables array arrays string strings integer boolean compile compiler runtime debug "
	 "debugging debugger exception exceptions traceback stacktrace error errors bug bugs code "
	 "coding codebase software program programming developer developers backend frontend "
	 "server servers client clients endpoint endpoints request requests response query queries "
	 "schema schemas index indexes dataset datasets datatype algorithm algorithms neural "
	 "embedding embeddings llm llms checkpoint checkpoints inference classifier regression "
	 "token tokens authentication authorization auth oauth login logout password passwords "
	 "permission permissions user users admin administrator log logs logging metric metrics "
	 "monitoring prometheus grafana proxy tls ssl certificate certificates dns firewall "
	 "network port ports socket websocket protocol version versions release releases changelog "
	 "docs documentation readme documented binary executable script scripts terminal command "
	 "commands flag flags option options default defaults setting settings template templates "
	 "file files folder folders directory directories path paths filename upload download "
	 "backup restore cache cached caching thread threads async timeout retry queue worker "
	 "workers cron cronjob scheduler workflow workflows dag dags webapp website workspace "
	 "pipeline pipelines notebook component components instance instances environment env "
	 "hardware firmware kernel browser cookie cookies session sessions render rendering widget "
	 "widgets ui gui ide vscode emulator simulator cloud aws gcp azure s3 bucket buckets vm "
	 "virtualization hypervisor encryption encrypted hash checksum regex unicode utf8 encoding "
	 "decode encode serialize toml ini grpc rest graphql microservice microservices "
	 "loadbalancer replica replicas autoscaling autoscaler liveness readiness probe toleration "
	 "taint affinity daemonset statefulset sidecar annotation annotations label labels "
	 "selector crd crds cr feature tutorial quickstart integration integrate integrations "
	 "automation automations import importing export exporting parse parser parsing"},
	{WORD_TECH_WEAK, NULL,
	 "app apps application table tables schedule scheduled model models train training run job "
	 "jobs service services client field fields key keys step steps task tasks event events "
	 "column row rows data format page pages link links image images process project group "
	 "type value list view form button menu screen window account build test tests tool tools "
	 "platform connect connection store storage resource resources limit limits status state "
	 "message messages notification notifications hook trigger role roles policy rule rules "
	 "graph chart monitor device driver scale sync update print text size mode theme generator "
	 "recommender system network output input forecast prediction predict serve predictor "
	 "feature features host record records support"},
	{WORD_GENERAL, NULL,
	 "container containers image images file files folder folders directory command commands "
	 "code "
	 "function functions class classes method methods variable variables object objects array "
	 "arrays string strings integer boolean module modules package packages import exception "
	 "exceptions error errors environment node nodes cluster clusters namespace namespaces "
	 "service "
	 "services port ports volume volumes memory cpu log logs process processes label labels "
	 "scheduler network algorithm algorithms dataset data model models training train yaml "
	 "secret "
	 "secrets operator operators controller controllers resource resources request requests "
	 "limit "
	 "limits job jobs storage disk script scripts install update json image pod index thread "
	 "threads async cache queue key keys deploy debug"},
	{WORD_KUBERNETES, NULL,
	 "kubernetes k8s kubectl kubelet kubeadm pod pods deployment deployments replicaset "
	 "statefulset daemonset configmap configmaps ingress clusterip nodeport loadbalancer "
	 "toleration taint tolerations taints cronjob initcontainer sidecar etcd minikube liveness "
	 "readiness probe terminating evicted cordon rolebinding clusterrole clusterrolebinding "
	 "persistentvolumeclaim persistentvolume helm rbac crd"},
	{WORD_PYTHON, NULL,
	 "python pip virtualenv venv tuple tuples dict lambda decorator decorators comprehension "
	 "comprehensions numpy pandas dataframe asyncio pep8 pythonic gil pytest matplotlib "
	 "fstring docstring enumerate"},
	{WORD_DOCKER, NULL,
	 "docker dockerfile dockerhub podman cmd entrypoint docker-compose compose dangling"},
	{WORD_LEARNING, NULL,
	 "overfitting underfitting backpropagation gradient descent regularization dropout softmax "
	 "sigmoid relu perceptron convolution convolutional cnn rnn lstm gan precision recall f1 "
	 "accuracy entropy epoch epochs minibatch regression classification clustering kmeans svm "
	 "supervised unsupervised reinforcement transformers neural learning bias variance "
	 "confusion optimizer adam sgd bagging boosting backprop finetuning pytorch tensorflow "
	 "keras scikit sklearn tokenization vanishing exploding"},
	{WORD_LINUX, NULL,
	 "linux bash shell chmod chown grep sed awk ssh scp rsync systemd crontab sudo tar curl "
	 "vim nano ubuntu debian symlink symlinks"},
	{WORD_STYLE, NULL,
	 "css div flexbox center centre centering centred centered vertically horizontally html "
	 "margin padding stylesheet javascript jquery navbar website header footer sticky font "
	 "fonts color colour hover background border button responsive media grid align image "
	 "images page sidebar menu scroll"},
	{WORD_GIT, NULL,
	 "git commit commits rebase stash cherry undo revert amend head unstage uncommitted remote "
	 "branch branches gitignore file files changes change local push pull merge conflict "
	 "squash untracked history"},
	{WORD_CREATIVE, "creative",
	 "poem joke haiku song limerick story essay rap lyrics riddle sonnet ode fairytale rhyme "
	 "pun novel screenplay fanfiction bedtime tale witz gedicht poema chiste blague poeme "
	 "ballad verse speech toast eulogy cover-letter jokes fable monologue parody raps letter- "
	 "poem lullaby"},
	{WORD_LANGUAGE, "language",
	 "english french german spanish italian portuguese russian chinese japanese korean dutch "
	 "polish turkish arabic hindi latin greek swedish norwegian danish finnish hebrew "
	 "esperanto klingon mandarin czech ukrainian vietnamese thai deutsch francais espanol"},
	{WORD_COUNTRY, "country",
	 "germany france spain italy england britain uk usa america australia austria switzerland "
	 "brazil argentina mexico canada china japan india russia ukraine poland sweden norway "
	 "denmark finland portugal greece turkey egypt nigeria kenya south africa israel iran iraq "
	 "korea vietnam thailand indonesia netherlands belgium ireland scotland hungary romania "
	 "chile peru colombia cuba europe asia world mongolia york iceland croatia serbia bulgaria "
	 "slovakia slovenia estonia latvia lithuania philippines malaysia pakistan bangladesh "
	 "morocco algeria tunisia ethiopia uruguay bolivia ecuador venezuela"},
	{WORD_OFF, NULL,
	 "pancake poem poems joke jokes haiku limerick lyrics sonnet riddle gedicht witz sudoku "
	 "crossword superhero 笑话 анекдот blague chiste poema horoscopo horoscope whales puppies "
	 "gandalf pasta eggs spaghetti smoothie tiramisu hangover sunburn resignation "
	 "photosynthesis cheerleader"},
	{WORD_OFF_WEAK, NULL,
	 "cook eat eating drink drinks food meal kitchen oven fruit vegetable vegetables cheese "
	 "sauce sea summer winter spring autumn tomorrow tonight yesterday weekend coach league "
	 "cup swim music sing guitar piano dance novel favorite favourite famous funny buy sell "
	 "cheap expensive money budget rich savings pain sick sleep weight lose muscle blood "
	 "health girl boy woman man love kiss mother father mom dad sister brother kids baby "
	 "school teacher students university essay geography physics chemistry biology math maths "
	 "equation tall tallest largest longest century died invented discovered animal animals "
	 "bird fish horse flower garden furniture clothes dress shoes hair shower happiness kg "
	 "pounds miles sun sunset sunrise hot cold sky child children travel born heart life death "
	 "song songs boil fry roast grill egg eggs rice pasta potato potatoes tomato tomatoes "
	 "onion garlic butter milk coffee tea sugar chocolate banana lemon strawberry fridge "
	 "freezer microwave pan spoon knife ant ants spider spiders mosquito mice wasp bee bees "
	 "insect insects lion tiger elephant whale whales shark sharks wolf bear bears rabbit cow "
	 "pig sheep goat chick penguin frog hurts hurt ache sore injury exercise exercises "
	 "stretching jogging yoga knee shoulder stomach throat tooth teeth eyes tired stress "
	 "asleep nap pregnant dose pill pills euros euro dollars rent apartment neighbor neighbour "
	 "roommate mum grandma grandpa grandmother aunt uncle cousin nephew niece crying lonely "
	 "sad angry jealous hate shirt jacket trousers skirt socks coat wear hat necklace jewelry "
	 "wardrobe bedroom bathroom bathtub ceiling carpet paint painting wallpaper bulb "
	 "dishwasher laundry ironing mall supermarket bike bicycle taxi subway train-station ferry "
	 "boat airplane gasoline petrol tire tires island lake forest desert jungle waterfall sand "
	 "trip camping tent hiking king queen prince princess knight castle pyramid pharaoh roman "
	 "empire ancient medieval pope church mosque temple actor drummer guitarist orchestra "
	 "opera ballet theatre theater comedy sequel trailer km kmh mph earth comet gravity exam "
	 "exams tuition scholarship vocabulary grammar poem hobby hobbies puzzle riddle bet gamble "
	 "casino poker dice smartphone iphone headphones thirsty hungry snack picnic barbecue bbq "
	 "wedding anniversary funeral celebrate fireworks pumpkin santa moustache beard shave "
	 "nails tattoo sunscreen suntan allergic allergy vaccine vaccination virus bacteria "
	 "infection blister bleeding bruise mum's dad's album concert band vote election elections "
	 "war cats dogs car cars ocean galaxy ghost flight flights holiday holidays umbrella "
	 "symptom symptoms diagnosis doctor birthday singer titanic recipe soup mountain river "
	 "kilometers phone leaking tap spanish dragon dollar exchange sit stronger strongest "
	 "avocado cheer resignation learn"},
	{WORD_WEATHER, NULL,
	 "weather rain raining rainy sunny snow snowing thunderstorm wetter meteo clima погода "
	 "天气 "
	 "天気 날씨"},
	{WORD_FOOD, NULL,
	 "lasagne lasagna pizza spaghetti carbonara sourdough bread cake wine beer trout salmon "
	 "steak chicken dinner breakfast lunch cooking cuisine vegan vegetarian dessert pancakes "
	 "omelette cocktail restaurant restaurants rezept receta recette рецепт bake baking "
	 "delicious tasty 食谱 レシピ eggs pasta tiramisu smoothie risotto sushi burger sandwich"},
	{WORD_SPORT, NULL,
	 "football soccer basketball baseball tennis cricket hockey rugby olympics olympic messi "
	 "ronaldo nba nfl fifa wimbledon superbowl goalkeeper formula1 fussball futbol chess golf "
	 "boxing ufc nascar bundesliga uefa champions championsleague dribble barcelona fc "
	 "juventus arsenal chelsea liverpool"},
	{WORD_MEDIA, NULL,
	 "movie movies film films netflix actress hollywood beatles celebrity celebrities "
	 "kardashian beyonce anime manga tv sitcom oscar oscars videogame minecraft fortnite zelda "
	 "pokemon playstation xbox disney marvel spotify inception batman superman spiderman "
	 "avengers gandalf potter hogwarts simpsons rihanna madonna eminem drake metallica "
	 "coldplay"},
	{WORD_TRAVEL, NULL,
	 "vacation hotel hotels airline airport beach lisbon paris london rome berlin madrid tokyo "
	 "barcelona amsterdam vienna venice sightseeing itinerary tourist visa passport"},
	{WORD_POLITICS, NULL,
	 "president parliament democrat republican trump biden obama putin politician politics "
	 "political communism socialism capitalism brexit senator abortion congress minister"},
	{WORD_MONEY, NULL,
	 "stock stocks bitcoin crypto cryptocurrency ethereum invest investing investment mortgage "
	 "dividend nasdaq forex lottery tax taxes inheritance salary aktien 股票"},
	{WORD_HEALTH, NULL,
	 "headache fever flu cough medication medicine ibuprofen aspirin antibiotics pregnancy "
	 "pregnant diet calories vitamin vitamins cancer diabetes depression anxiety therapist "
	 "dentist toothache rash insomnia migraine workout"},
	{WORD_LOVE, NULL,
	 "girlfriend boyfriend tinder dating flirt romantic marriage wedding divorce husband wife "
	 "breakup valentine"},
	{WORD_SCHOOL, NULL,
	 "homework exam thesis shakespeare hamlet napoleon hitler einstein cleopatra caesar mozart "
	 "beethoven picasso planets planet moon mars dinosaur dinosaurs everest photosynthesis "
	 "mitochondria eiffel nobel romeo juliet macbeth columbus churchill lincoln gandhi mandela "
	 "galileo aristotle plato socrates nietzsche odyssey iliad renaissance bastille nile "
	 "sahara antarctica arctic"},
	{WORD_HOME, NULL,
	 "puppy kitten parrot hamster gardening roses plumber faucet lawn mower sofa curtains "
	 "haircut lipstick makeup perfume jeans sneakers christmas easter halloween gift presents "
	 "motorcycle lawyer lawsuit landlord"},
	{WORD_BELIEF, NULL,
	 "horoscope zodiac astrology tarot bible quran god jesus buddha religion prayer heaven"},
};

const size_t route_word_rows = sizeof(route_words) / sizeof(route_words[0]);
